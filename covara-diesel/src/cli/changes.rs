//! The command `covara changes`.

use std::io::{self, ErrorKind, Write};
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::arguments;
use super::database::{BackendFunctions, Opened};
use super::outcome::{Failure, Outcome};
use crate::pool::PoolError;

/// Changes that are read at once.
const AT_ONCE: usize = 1_000;

/// The pause between two looks for changes.
const PAUSE: Duration = Duration::from_millis(250);

pub(super) fn run(
    backend: &BackendFunctions,
    arguments: &arguments::Changes,
) -> Result<Outcome, Failure> {
    let Opened { conn, missing_file } = (backend.open_to_read)(&arguments.common.database_url)?;
    if let Some(path) = missing_file {
        return Err(PoolError::MissingFile { path }.into());
    }
    let mut conn = conn;
    let mut position = arguments.after;
    let mut printed = 0;
    loop {
        let changes = conn.changes(position, AT_ONCE)?;
        let mut text = String::new();
        for change in &changes {
            text.push_str(&serde_json::to_string(change)?);
            text.push('\n');
            position = change.number;
        }
        if !is_read(arguments, &text)? {
            break;
        }
        printed += changes.len();
        if changes.len() < AT_ONCE {
            if !arguments.follow {
                break;
            }
            thread::sleep(PAUSE);
        }
    }
    Ok(Outcome {
        text: String::new(),
        json: json!({"command": "changes", "ok": true, "changes": printed, "last": position}),
        complaint: None,
    })
}

/// Prints lines and returns whether somebody still reads them.
fn is_read(arguments: &arguments::Changes, text: &str) -> io::Result<bool> {
    if arguments.common.output.quiet {
        return Ok(true);
    }
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        result => result.map(|()| true),
    }
}
