//! A stand-in for systems without Unix's signals, where Ctrl-C ends the process at once.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use super::arguments::Output;
use super::database::Cancel;
use super::outcome::{Failure, Outcome};
use crate::seed::stop::StopCheck;

/// What a signal would do.
#[derive(Debug)]
pub(super) struct WhenStopped {
    pub(super) says: &'static str,
    pub(super) directory: Option<PathBuf>,
    pub(super) reads_input: bool,
    pub(super) cancel: Option<(String, Cancel)>,
    pub(super) wait: Duration,
}

impl WhenStopped {
    pub(super) fn new(_: &Output) -> Self {
        Self {
            says: "",
            directory: None,
            reads_input: false,
            cancel: None,
            wait: Duration::ZERO,
        }
    }
}

pub(super) fn watch(_: WhenStopped) -> Result<(), Failure> {
    Ok(())
}

pub(super) fn may_keep() -> bool {
    true
}

pub(super) struct SeedStop;

impl StopCheck for SeedStop {
    fn must_stop(&self, _: bool) -> bool {
        false
    }
}

pub(super) fn answer(_: &Result<Outcome, Failure>) -> Option<ExitCode> {
    None
}
