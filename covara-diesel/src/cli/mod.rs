//! The command `covara`, for use without a Rust program.
//!
//! ```text
//! covara migrate --database-url app.db --dry-run
//! covara migrate --database-url app.db
//! covara seed --database-url app.db --table countries countries.csv --table cities cities.csv
//! covara dump --database-url app.db --table cities --directory backup
//! covara seed --database-url app.db fixtures/
//! xz -d <towns.csv.xz | covara seed --database-url app.db --table towns - --format csv
//! covara doctor --database-url postgres://…
//! covara changes --database-url app.db --follow
//! covara search --database-url app.db packages 'text editor'
//! covara export --directory migrations
//! ```
//!
//! The exit code is 0 if all went well, 1 if the work failed or would fail, and 2 if the command
//! was used wrongly. `seed`, `migrate` and `dump` that are stopped by Ctrl-C say what was kept, and
//! end with 130, by SIGTERM with 143, by the end of their terminal with 129. Nothing is kept, except over D1 and Neon's HTTP the batches that
//! a seed has sent. A second signal ends them at once without a word; what they were keeping just
//! then may have been kept.
//!
//! With `--json` the result is one JSON object on standard output. Errors go to standard error, with
//! `--json` as one JSON object with the fields `error`, `causes` and `exit_code`. No password is
//! printed.

mod arguments;
mod backends;
mod changes;
pub(crate) mod database;
mod doctor;
mod dump;
mod export;
mod interrupt;
mod migrate;
mod outcome;
mod search;
mod secrets;
mod seed;
mod seed_files;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches};

use crate::drivers::{ConnectionType, PoolDriver};
use arguments::{Arguments, Command};
use database::BackendFunctions;
use outcome::{Failure, Outcome, USAGE, complain, print, report};

/// Runs the command with the arguments of the process.
///
/// The program `covara` only calls this function.
#[must_use]
pub fn main() -> ExitCode {
    let given = Arguments::command()
        .long_version(version())
        .try_get_matches()
        .and_then(|matches| Arguments::from_arg_matches(&matches));
    let Arguments { command } = match given {
        Ok(arguments) => arguments,
        Err(answer) => return answer_usage(&answer),
    };
    let result = run(&command);
    interrupt::answer(&result).unwrap_or_else(|| report(command.output(), result))
}

fn run(command: &Command) -> Result<Outcome, Failure> {
    match command {
        Command::Migrate(arguments) => {
            migrate::run(&backend(&arguments.common.database_url)?, arguments)
        }
        Command::Seed(arguments) => seed::run(&backend(&arguments.common.database_url)?, arguments),
        Command::Dump(arguments) => dump::run(&backend(&arguments.common.database_url)?, arguments),
        Command::Doctor(arguments) => {
            doctor::run(&backend(&arguments.common.database_url)?, arguments)
        }
        Command::Search(arguments) => {
            search::run(&backend(&arguments.common.database_url)?, arguments)
        }
        Command::Changes(arguments) => {
            changes::run(&backend(&arguments.common.database_url)?, arguments)
        }
        Command::Export(arguments) => export::run(arguments),
    }
}

/// Answers `--help`, `--version` and wrong usage.
fn answer_usage(answer: &clap::Error) -> ExitCode {
    let text = answer.render().to_string();
    if answer.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        // Not an error of anything given. One of standard error itself cannot be reported.
        let _ = io::stderr().write_all(text.as_bytes());
        return ExitCode::from(USAGE);
    }
    if !answer.use_stderr() {
        return match print(&text) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        };
    }
    let text = text.trim_end().trim_start_matches("error: ");
    let as_json = std::env::args_os().any(|argument| argument == "--json");
    complain(as_json, USAGE, text, &[])
}

fn version() -> String {
    let all = ConnectionType::ALL.iter();
    let on: Vec<&str> = all
        .filter(|connection| connection.is_enabled())
        .map(|connection| connection.database())
        .collect();
    format!("{} ({})", env!("CARGO_PKG_VERSION"), on.join(", "))
}

/// Returns the backend of a database URL.
fn backend(url: &str) -> Result<BackendFunctions, Failure> {
    let driver = PoolDriver::from_url(url).map_err(Failure::usage)?;
    let connection = driver.row().connection;
    backends::backend(connection).ok_or_else(|| {
        let (name, feature) = (connection.database(), connection.feature());
        Failure::usage(format!(
            "this covara was built without {name}: install it with the feature {feature}, as in \
             cargo install covara-diesel --features cli,{feature}"
        ))
    })
}
