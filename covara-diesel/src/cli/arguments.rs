//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::seed_files::FileOptions;

/// The text below the list of commands.
const EXIT_CODES: &str = "\
Exit codes: 0 success, 1 the work failed or would fail, 2 wrong usage.
No password is printed, whatever happens.";

const MIGRATE: &str = "\
The tables are auth_sessions, auth_accounts, auth_api_keys and auth_verification_tokens.
Running it again does nothing. --dry-run and --status change nothing: they create neither the
history table nor a SQLite file. --dry-run ends with 1 if the migration would fail: if nothing
stands in the way, it runs what is pending in a transaction and rolls back, with the lock of a
migration, so it waits for other migrations and needs the same rights. --status only reads, and ends
with 1 if something else has the name of an internal table or belongs to a role that is not trusted.";

const SEED: &str = "\
One transaction: all or nothing. The tables are filled in the order given, so give those that
others refer to first. The tables must exist; the types of their columns are read from the
database. Each file is .csv with a header line, or .ndjson or .jsonl with one JSON object per
line, followed by .gz if it is compressed; - is standard input. Of a directory the files that end
so are read in the order of their names, each for the table of its name.

A value that could be read in two ways is an error with its line and column, as 26-01-31 for a
date. Seconds since 1970 are marked as @1769903999.

Progress is shown on standard error, as a bar on a terminal and as lines elsewhere.

Examples:
  covara seed --database-url app.db --table countries countries.csv --table cities cities.csv.gz
  covara seed --database-url app.db fixtures/
  covara seed --database-url app.db --table towns export.csv --delimiter ';' --encoding latin1
    --column Ort=name --column Einwohner=people --leave-out Notiz --leave-out '#4'
  psql -c '\\copy towns to stdout csv header' | covara seed --table towns - --format csv";

const EXPORT: &str = "\
One file for each migration of the library's own tables, with its statements for SQLite, named
so that tools run them in order. Each file also records its migration in the library's history, so
covara and the tool may run in either order. Existing files are overwritten.

Example:
  covara export --directory migrations && npx wrangler d1 migrations apply DATABASE";

const DOCTOR: &str = "\
Nothing is changed: no file, no table, no setting of a session. The exit code is 1 if a problem
was found.";

/// Migrates, seeds and examines SQLite and PostgreSQL databases.
#[derive(Debug, Parser)]
#[command(name = "covara", bin_name = "covara", version, after_help = EXIT_CODES)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Bring the library's own tables up to date.
    #[command(after_help = MIGRATE)]
    Migrate(Migrate),
    /// Insert rows from CSV and NDJSON files; existing rows are skipped.
    #[command(after_help = SEED)]
    Seed(Seed),
    /// Write the SQL of the library's own tables as files, for wrangler d1 migrations apply.
    #[command(after_help = EXPORT)]
    Export(Export),
    /// Examine a database: versions, settings, migrations, and poolers in between.
    #[command(after_help = DOCTOR)]
    Doctor(Doctor),
}

#[derive(Debug, Args)]
pub(super) struct Migrate {
    /// Only show what would be run.
    #[arg(long)]
    pub(super) dry_run: bool,

    /// Only show which migrations the database has, and whether the tables fit.
    #[arg(long, conflicts_with = "dry_run")]
    pub(super) status: bool,

    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Args)]
pub(super) struct Seed {
    /// A table and the file of its rows, or -; may be given several times.
    #[arg(
        long = "table",
        num_args = 2,
        value_names = ["TABLE", "FILE"],
        required_unless_present = "directory",
        action = clap::ArgAction::Append
    )]
    pub(super) tables: Vec<OsString>,

    /// A directory with one file for each table, which has the table's name.
    #[arg(conflicts_with = "tables")]
    pub(super) directory: Option<PathBuf>,

    #[command(flatten)]
    pub(super) files: FileOptions,

    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Args)]
pub(super) struct Doctor {
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Args)]
pub(super) struct Export {
    /// The directory for the files; created if it does not exist.
    #[arg(long, value_name = "DIRECTORY")]
    pub(super) directory: PathBuf,

    #[command(flatten)]
    pub(super) output: Output,
}

#[derive(Debug, Args)]
pub(super) struct Common {
    /// The database: a path, sqlite:, file:, postgres:// or postgresql://
    // Without `hide_env_values`, --help would show the variable's value and so a password.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub(super) database_url: String,

    #[command(flatten)]
    pub(super) output: Output,
}

#[derive(Debug, Args)]
pub(super) struct Output {
    /// Print the result as one JSON object; errors too, on standard error.
    #[arg(long)]
    pub(super) json: bool,

    /// Print nothing but errors.
    #[arg(long, short, conflicts_with = "json")]
    pub(super) quiet: bool,
}

impl Command {
    pub(super) fn output(&self) -> &Output {
        match self {
            Self::Migrate(Migrate { common, .. })
            | Self::Seed(Seed { common, .. })
            | Self::Doctor(Doctor { common }) => &common.output,
            Self::Export(Export { output, .. }) => output,
        }
    }
}
