//! Runs tests with and without a mutant.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::bench::{Bench, Step};
use crate::needs::DATABASES;
use crate::switches::VARIABLE;

/// How a run ended.
enum Ending {
    Passed,
    Failed(String),
    /// Its end was not the end of its tests.
    Broken,
    Endless,
}

/// What the tests say to a mutant.
pub enum Verdict {
    NoticedBy(String),
    EndlessIn(String),
    /// One test after the other failed by chance.
    UnclearIn(String),
    Missed,
}

/// Failures in one step that are not the mutant's.
const CHANCES: usize = 5;

impl Bench {
    /// Runs tests of a step with a mutant, or as they are compiled. A test notices the mutant if it
    /// fails twice with it, and then passes without it.
    pub fn run(
        &self,
        step: &Step,
        mut tests: Vec<String>,
        mutant: Option<usize>,
    ) -> Result<Verdict, String> {
        for _ in 0..=CHANCES {
            match self.ending(step, mutant, &tests)? {
                Ending::Passed => return Ok(Verdict::Missed),
                Ending::Endless => return Ok(Verdict::EndlessIn(step.name.clone())),
                Ending::Broken => {
                    if matches!(self.ending(step, mutant, &tests)?, Ending::Broken) {
                        return Ok(Verdict::NoticedBy(format!(
                            "{}: the program ends",
                            step.name
                        )));
                    }
                }
                Ending::Failed(test) => {
                    // A mutant that is compiled alone cannot be switched off.
                    if !self.passes(step, mutant, &test)?
                        && (mutant.is_none() || self.passes(step, None, &test)?)
                    {
                        return Ok(Verdict::NoticedBy(format!("{}: {test}", step.name)));
                    }
                    println!("  {}: {test} fails by chance", step.name);
                    tests.retain(|name| *name != test);
                }
            }
        }
        Ok(Verdict::UnclearIn(step.name.clone()))
    }

    pub fn passes(&self, step: &Step, mutant: Option<usize>, test: &str) -> Result<bool, String> {
        let tests = [test.to_owned()];
        Ok(matches!(self.ending(step, mutant, &tests)?, Ending::Passed))
    }

    pub fn command(
        &self,
        step: &Step,
        mutant: Option<usize>,
        tests: &[String],
    ) -> Result<Command, String> {
        let program = self
            .programs
            .iter()
            .find(|program| program.name == step.program);
        let own = program
            .ok_or_else(|| format!("there is no test program {}", step.program))?
            .command();
        // It ends with this program, however that comes.
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--"])
            .arg(own.get_program());
        for (name, value) in own.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        command.current_dir(own.get_current_dir().unwrap_or(Path::new(".")));
        let row = DATABASES.iter().find(|database| database.name == step.name);
        command
            .arg("--exact")
            .args(tests)
            .args(["--test-threads", &step.threads.to_string()])
            .envs(
                row.and_then(|database| database.row)
                    .map(|row| ("COVARA_TEST_ROW", row)),
            )
            .envs(mutant.map(|number| (VARIABLE, (number + 1).to_string())))
            .env("RUST_BACKTRACE", "0")
            .env_remove("CARGO_TARGET_DIR");
        Ok(command)
    }

    /// Runs tests until one fails.
    fn ending(
        &self,
        step: &Step,
        mutant: Option<usize>,
        tests: &[String],
    ) -> Result<Ending, String> {
        let scratch = self.scratch.join(format!("{:?}", thread::current().id()));
        std::fs::create_dir_all(&scratch).map_err(|error| error.to_string())?;
        let mut child = self
            .command(step, mutant, tests)?
            .env("TMPDIR", &scratch)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("setpriv: {error}"))?;
        let ending = watch(&mut child, self.limit(step, tests));
        // What the tests have started is of the same group.
        let group = format!("-{}", child.id());
        let _ = Command::new("kill")
            .args(["-KILL", "--", &group])
            .stderr(Stdio::null())
            .status();
        let status = child.wait().map_err(|error| error.to_string())?;
        // Some of what is killed may still write.
        let _ = std::fs::remove_dir_all(&scratch);
        Ok(match ending {
            Ending::Passed if !status.success() => Ending::Broken,
            ending => ending,
        })
    }
}

/// Reads what a program of libtest prints until it closes its output, a test has failed, or the
/// time is over.
fn watch(child: &mut Child, limit: Duration) -> Ending {
    let (lines, read) = channel();
    let stdout = child.stdout.take().map(BufReader::new);
    thread::spawn(move || {
        for line in stdout
            .into_iter()
            .flat_map(BufRead::lines)
            .map_while(Result::ok)
        {
            if lines.send(line).is_err() {
                return;
            }
        }
    });
    let begun = Instant::now();
    loop {
        match read.recv_timeout(limit.saturating_sub(begun.elapsed())) {
            Ok(line) => {
                let test = line
                    .strip_prefix("test ")
                    .and_then(|line| line.strip_suffix(" ... FAILED"));
                if let Some(test) = test {
                    let test = test.strip_suffix(" - should panic").unwrap_or(test);
                    return Ending::Failed(test.to_owned());
                }
            }
            Err(RecvTimeoutError::Disconnected) => return Ending::Passed,
            Err(RecvTimeoutError::Timeout) => return Ending::Endless,
        }
    }
}
