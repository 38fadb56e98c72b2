//! Runs the command as a user does.

use std::process::{Command, Output};

use serde_json::Value;

pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_covara-command"));
    command.args(arguments).env_remove("DATABASE_URL");
    command
}

pub(crate) struct Ran {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) code: Option<i32>,
}

impl Ran {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
            code: output.status.code(),
        }
    }

    /// Its standard output, as JSON.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.out.lines().count(), 1, "{}", self.all());
        serde_json::from_str(&self.out).unwrap()
    }

    pub(crate) fn all(&self) -> String {
        format!("{:?}\n{}\n{}", self.code, self.out, self.err)
    }
}

pub(crate) fn covara(arguments: &[&str]) -> Ran {
    Ran::of(command(arguments).output().unwrap())
}

/// Runs a subcommand that must succeed and complain of nothing.
pub(crate) fn succeeds(arguments: &[&str]) -> Ran {
    let ran = covara(arguments);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{}", ran.all());
    ran
}
