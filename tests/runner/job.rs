//! One test program on one database.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::watch;

/// The longest time of a program in which no test begins or ends. The slowest test takes five
/// minutes with `--everything`, while others run.
const STALLED: Duration = Duration::from_secs(900);
/// The longest time of a whole command between two lines: ten minutes with `--everything`.
const SILENT: Duration = Duration::from_secs(3600);

/// The outcome of one test.
pub struct Outcome {
    pub test: String,
    pub passed: bool,
    pub time: Duration,
    /// The output of a failed test.
    pub printed: String,
}

/// The outcome of a whole program.
pub struct Finished {
    pub step: String,
    pub time: Duration,
    pub outcomes: Vec<Outcome>,
    /// The program that runs single tests; none for a whole command.
    pub again: Option<Command>,
    /// The reason why the program counts as failed although each test has an outcome.
    pub failure: Option<String>,
}

impl Finished {
    pub fn failed(&self) -> bool {
        self.failure.is_some() || self.outcomes.iter().any(|outcome| !outcome.passed)
    }
}

/// Runs a program of libtest and reads its events as they come.
pub fn run_tests(step: String, mut command: Command) -> Finished {
    let begun = Instant::now();
    let again = Some(copy(&command));
    command
        .args([
            "-Z",
            "unstable-options",
            "--format",
            "json",
            "--report-time",
        ])
        // Only so does a stable toolchain's libtest tell how long each test took.
        .env("RUSTC_BOOTSTRAP", "1")
        // To find the names of a stack takes a second each, and some tests panic on purpose.
        .env("RUST_BACKTRACE", "0");
    let mut running: Vec<String> = Vec::new();
    let mut outcomes = Vec::new();
    let ended = watch::run(command, STALLED, |line| {
        // A test may have printed before it on the same line.
        let event = line.find("{ \"type\"").and_then(|start| line.get(start..));
        let Some(event) = event.and_then(|event| serde_json::from_str::<Value>(event).ok()) else {
            return false;
        };
        if event["type"] != "test" {
            return false;
        }
        let test = event["name"].as_str().unwrap_or_default().to_owned();
        match event["event"].as_str() {
            Some("started") => running.push(test),
            Some("timeout") | None => {}
            Some(what) => {
                running.retain(|name| *name != test);
                outcomes.push(Outcome {
                    passed: what == "ok",
                    time: Duration::from_secs_f64(event["exec_time"].as_f64().unwrap_or_default()),
                    printed: match what {
                        // A test that does not run proves nothing.
                        "ignored" => "it is ignored".to_owned(),
                        _ => event["stdout"].as_str().unwrap_or_default().to_owned(),
                    },
                    test,
                });
            }
        }
        true
    });
    let ended = match ended {
        Ok(ended) => ended,
        Err(error) => return broken(step, begun, error.to_string()),
    };
    // Tests that had not begun have no event at all.
    let is_cut_short = !running.is_empty();
    // A test that ended the program has no event of its own.
    for test in running {
        outcomes.push(Outcome {
            test,
            passed: false,
            time: Duration::ZERO,
            printed: ended.printed.clone(),
        });
    }
    let failure = match &ended.fault {
        Some(fault) => Some(format!("{fault}\n{}", ended.printed)),
        None if is_cut_short => Some(format!("ended before its tests: {}", ended.status)),
        None if ended.status.success() => None,
        None if outcomes.iter().any(|outcome| !outcome.passed) => None,
        None => Some(format!("{}\n{}", ended.status, ended.printed)),
    };
    Finished {
        step,
        time: begun.elapsed(),
        outcomes,
        again,
        failure,
    }
}

/// The same program in the same folder and environment, without arguments.
pub fn copy(command: &Command) -> Command {
    let mut copy = Command::new(command.get_program());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => copy.env(name, value),
            None => copy.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        copy.current_dir(folder);
    }
    copy
}

/// Runs a command that counts as one test.
pub fn run_whole(step: String, command: Command) -> Finished {
    let begun = Instant::now();
    let mut lines = String::new();
    let ended = watch::run(command, SILENT, |line| {
        lines.push_str(line);
        true
    });
    let ended = match ended {
        Ok(ended) => ended,
        Err(error) => return broken(step, begun, error.to_string()),
    };
    let fault = match &ended.fault {
        Some(fault) => Some(fault.clone()),
        None => (!ended.status.success()).then(|| ended.status.to_string()),
    };
    Finished {
        step,
        time: begun.elapsed(),
        outcomes: Vec::new(),
        again: None,
        failure: fault.map(|fault| format!("{fault}\n{lines}{}", ended.printed)),
    }
}

fn broken(step: String, begun: Instant, failure: String) -> Finished {
    Finished {
        step,
        time: begun.elapsed(),
        outcomes: Vec::new(),
        again: None,
        failure: Some(failure),
    }
}
