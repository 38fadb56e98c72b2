//! The result of a command, and how it is printed.

use std::error::Error;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use serde_json::{Value, json};

use super::arguments::Output;
use super::secrets;
use crate::doctor::findings::with_causes;

/// The output of a command that has done its work.
pub(super) struct Outcome {
    pub(super) text: String,
    pub(super) json: Value,
    /// The reason for exit code 1 nevertheless.
    pub(super) complaint: Option<String>,
}

/// The error of a command that could not do its work.
pub(super) struct Failure {
    error: Box<dyn Error>,
    exit_code: u8,
}

pub(super) const FAILED: u8 = 1;
pub(super) const USAGE: u8 = 2;

impl<E: Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::failed(error)
    }
}

impl Failure {
    pub(super) fn error(&self) -> &(dyn Error + 'static) {
        &*self.error
    }

    pub(super) fn failed(error: impl Into<Box<dyn Error>>) -> Self {
        Self {
            error: error.into(),
            exit_code: FAILED,
        }
    }

    pub(super) fn usage(error: impl Into<Box<dyn Error>>) -> Self {
        Self {
            error: error.into(),
            exit_code: USAGE,
        }
    }
}

/// Prints the result of a command and returns its exit code.
pub(super) fn report(output: &Output, result: Result<Outcome, Failure>) -> ExitCode {
    match result {
        Ok(outcome) => {
            let text = if output.json {
                format!("{}\n", outcome.json)
            } else {
                for_terminal(&outcome.text)
            };
            if !output.quiet
                && let Err(error) = print(&text)
            {
                let said = format!(
                    "the work is done, but its result cannot be written to standard output: {error}"
                );
                return complain(output.json, FAILED, &said, &[]);
            }
            match outcome.complaint {
                Some(complaint) => complain(output.json, FAILED, &complaint, &[]),
                None => ExitCode::SUCCESS,
            }
        }
        Err(Failure { error, exit_code }) if output.json => {
            let mut causes = Vec::new();
            let mut cause = error.source();
            while let Some(error) = cause {
                causes.push(error.to_string().trim_end().to_owned());
                cause = error.source();
            }
            complain(true, exit_code, &error.to_string(), &causes)
        }
        Err(Failure { error, exit_code }) => complain(false, exit_code, &with_causes(&*error), &[]),
    }
}

/// Prints a text to standard output. A reader that closes the pipe early is no error.
pub(super) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Escapes the characters that a terminal would obey, which a file, a path or the server may have put
/// into a text.
fn for_terminal(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_control() && !matches!(c, '\n' | '\t') {
            true => shown.extend(c.escape_unicode()),
            false => shown.push(c),
        }
    }
    shown
}

pub(super) fn complain(as_json: bool, exit_code: u8, error: &str, causes: &[String]) -> ExitCode {
    let without_secrets = |text: &str| secrets::without(text, std::env::args_os().skip(1));
    let error = without_secrets(error);
    let text = if as_json {
        let causes: Vec<_> = causes.iter().map(|cause| without_secrets(cause)).collect();
        json!({ "error": error, "causes": causes, "exit_code": exit_code }).to_string()
    } else {
        for_terminal(&format!("error: {error}"))
    };
    // An error of standard error itself cannot be reported.
    let _ = writeln!(io::stderr(), "{text}");
    ExitCode::from(exit_code)
}
