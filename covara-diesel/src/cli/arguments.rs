//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::seed_files::{FileOptions, parse_format};
use crate::fixture::Format;

/// The text below the list of commands.
const EXIT_CODES: &str = "\
Exit codes: 0 success, 1 the work failed or would fail, 2 wrong usage, 130 stopped by Ctrl-C, 143 by
SIGTERM and 129 by the end of the terminal. seed, migrate and dump then keep nothing, or what a seed has
sent to D1 or Neon's HTTP before, and say so; once they are keeping their work they complete it. A second
Ctrl-C ends them at once without a word: what they were keeping just then may have been kept.
If the result cannot be written, 1, too; the message then says that the work is done.
No password is printed, whatever happens.";

const MIGRATE: &str = "\
The tables are auth_sessions, auth_accounts, auth_api_keys and auth_verification_tokens.
Running it again does nothing. --dry-run and --status change nothing: they create neither the
history table nor a SQLite file. --dry-run ends with 1 if the migration would fail: if nothing
stands in the way, it runs what is pending in a transaction and rolls back, with the lock of a
migration, so it waits for other migrations and needs the same rights. --status only reads, and ends
with 1 if something else has the name of an internal table or belongs to a role that is not trusted.";

const SEED: &str = "\
One transaction: all or nothing. Of several tables, those that others refer to by a foreign key are
filled first; tables that refer to each other in the order given, or that of the files' names. The
tables must exist; the types of their columns are read from the database. Each file is .csv with a
header line, or .ndjson or .jsonl with one JSON object per line, followed by .gz if it is
compressed; - is standard input. A file without --table is for the table of its name, which may be
schema.table: public.users.csv. Of a directory the files that end so are read.

The file must have a unique column of the table, or each run would insert its rows again: the
database's generated ids do not count. Otherwise it is an error, unless by --on-conflict fail or
--replace.

A value that could be read in two ways is an error with its line and column, as 26-01-31 for a
date. Seconds since 1970 are marked as @1769903999.

A row that conflicts with another by any unique constraint is skipped. With --on-conflict update the
row with the same primary key gets the values of the file's columns, if any differs; with
--on-conflict fail the first such row is an error. With --replace all rows of the tables are deleted
first, in the same transaction, and generated ids start anew. If rows of other tables refer to them
it is an error, also where ON DELETE CASCADE would delete these.

A column country_id@countries.code has values of countries.code, and country_id gets the key of the
row of countries that has it, in the table or earlier in the same seed. country_id must have a
foreign key to countries, and countries.code must be unique.

--dry-run reads and writes everything in a transaction that is rolled back, and ends with 1 if the
seed would fail. It waits for other writers and needs the same rights. On PostgreSQL it uses up
generated ids. Over D1 and Neon's HTTP, which have no transactions, there
is none.

Progress is shown on standard error, as a bar on a terminal and as lines elsewhere.

What pandas' to_csv writes: --leave-out '#1' for its index, 3.0 for whole numbers with gaps and
True for Booleans are read as they are, nothing is NULL; --null NaN if na_rep was used.

Examples:
  covara seed --database-url app.db --table countries countries.csv --table cities cities.csv.gz
  covara seed --database-url app.db users.csv orders.csv.gz
  covara seed --database-url app.db fixtures/ --dry-run
  covara seed --database-url app.db --table towns export.csv --delimiter ';' --encoding latin1
    --column Ort=name --column Einwohner=people --leave-out Notiz --leave-out '#4'
  psql -c '\\copy towns to stdout csv header' | covara seed --table towns - --format csv";

const DUMP: &str = "\
One file a table, which covara seed reads back: users.csv or users.ndjson, followed by .gz if it is
compressed. Rows are sorted by the primary key, or by all columns without one, so the same rows give
the same bytes. All tables are read in one state of the database. The files take their names when
all of them are complete, and replace those that are there. Without --table these are all tables
of the main database or the current schema, but for those of covara and of the engine, and virtual
tables; tables that are left out are named in the result. Views are not read. A value that covara seed would not
read back unchanged is an error, as is a table whose name begins with a dot or contains a slash, a
backslash, a colon or a control character.

With - for the directory, one table goes to standard output, and nothing else does. A reader that
ends before it has all rows makes the dump fail.

Example:
  covara dump --database-url app.db --table countries --table cities --directory backup --gzip";

const EXPORT: &str = "\
One file for each migration of the library's own tables, with its statements for SQLite, named
so that tools run them in order. Each file also records its migration in the library's history, so
covara and the tool may run in either order. Existing files are overwritten.

Example:
  covara export --directory migrations && npx wrangler d1 migrations apply DATABASE";

const DOCTOR: &str = "\
Nothing is changed: no file, no table, no setting of a session. The exit code is 1 if a problem
was found.";

const SEARCH: &str = "\
One line a hit: its place, id, score and document, as the program that has the index would find
them. What the index says in which fields and languages is searched. A SQLite file is only read: rows
that were written to a followed table since the last search are not found, and an index whose words
an earlier version made is an error if its program has not brought it up to date.

Examples:
  covara search --database-url app.db packages 'text editor'
  covara search --database-url app.db packages --syntax '\"text editor\" -gnome edit*' --field name";

const CHANGES: &str = "\
One line a change, as a JSON object: number, table, operation (insert, update, delete, or all if any
rows may have changed), key, old, new, at and actor. With --json a last line says how many there were.
No feed is moved.

Example:
  covara changes --database-url app.db --follow | jq 'select(.table == \"todos\") | .new'";

/// Migrates, seeds, dumps, searches and examines SQLite, libSQL, D1 and PostgreSQL
/// databases.
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
    /// Insert rows from CSV and NDJSON files; existing rows are skipped, updated or replaced.
    #[command(after_help = SEED)]
    Seed(Seed),
    /// Write tables as CSV or NDJSON files, which seed reads back.
    #[command(after_help = DUMP)]
    Dump(Dump),
    /// Write the SQL of the library's own tables as files, for wrangler d1 migrations apply.
    #[command(after_help = EXPORT)]
    Export(Export),
    /// Search an index, to try it by hand.
    #[command(after_help = SEARCH)]
    Search(Search),
    /// Print the log of changes of tables, whose program has the feature changes.
    #[command(after_help = CHANGES)]
    Changes(Changes),
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
        required_unless_present = "paths",
        action = clap::ArgAction::Append
    )]
    pub(super) tables: Vec<OsString>,

    /// Files that have the names of their tables, and directories of such files.
    #[arg(value_name = "FILE", conflicts_with = "tables")]
    pub(super) paths: Vec<PathBuf>,

    /// What to do with a row that conflicts with another.
    #[arg(long, value_enum, default_value = "skip", value_name = "WAY")]
    pub(super) on_conflict: OnConflictArgument,

    /// Delete all rows of the tables first; asks on a terminal.
    #[arg(long)]
    pub(super) replace: bool,

    /// Do everything, say what would be done, and roll back.
    #[arg(long)]
    pub(super) dry_run: bool,

    /// Do not ask before rows are deleted.
    #[arg(long, requires = "replace")]
    pub(super) yes: bool,

    #[command(flatten)]
    pub(super) files: FileOptions,

    #[command(flatten)]
    pub(super) common: Common,
}

/// The values of `--on-conflict`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum OnConflictArgument {
    /// Skip the row.
    Skip,
    /// Update the row with the same primary key.
    Update,
    /// End with an error.
    Fail,
}

#[derive(Debug, Args)]
pub(super) struct Dump {
    /// A table, optionally as schema.table; may be given several times. Default: all tables of the
    /// main database or the current schema.
    #[arg(long = "table", value_name = "TABLE")]
    pub(super) tables: Vec<String>,

    /// The directory for the files, created if it does not exist; - for standard output.
    #[arg(long, value_name = "DIRECTORY")]
    pub(super) directory: PathBuf,

    /// The format of the files: csv or ndjson.
    #[arg(long, value_parser = parse_format, default_value = "csv")]
    pub(super) format: Format,

    /// Compress the files.
    #[arg(long)]
    pub(super) gzip: bool,

    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Args)]
pub(super) struct Search {
    /// The name of the index.
    pub(super) index: String,

    /// The words to find.
    #[arg(allow_hyphen_values = true)]
    pub(super) query: String,

    /// Take "phrases", beginnings* and -exclusions for operators.
    #[arg(long)]
    pub(super) syntax: bool,

    /// A field to search; may be given several times. Default: all searched fields.
    #[arg(long = "field", value_name = "FIELD")]
    pub(super) fields: Vec<String>,

    /// Number of hits to show.
    #[arg(long, value_name = "HITS", default_value_t = 20)]
    pub(super) size: usize,

    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Args)]
pub(super) struct Changes {
    /// Go on with new changes, until Ctrl-C.
    #[arg(long)]
    pub(super) follow: bool,

    /// The number of a change to begin after. Default: with the oldest one that the log has.
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 0,
        hide_default_value = true
    )]
    pub(super) after: i64,

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
    /// The database: a path, sqlite:, file:, postgres://, postgresql://, libsql:// or d1://, as far
    /// as covara --version names it
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
            | Self::Dump(Dump { common, .. })
            | Self::Search(Search { common, .. })
            | Self::Changes(Changes { common, .. })
            | Self::Doctor(Doctor { common }) => &common.output,
            Self::Export(Export { output, .. }) => output,
        }
    }
}
