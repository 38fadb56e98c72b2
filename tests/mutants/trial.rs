//! Runs the tests that prove an area.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::areas::Area;
use crate::job;
use crate::needs::DATABASES;
use crate::plan::Plan;
use crate::programs::Program;
use crate::switches::VARIABLE;

/// A proof of an area, ready to run.
pub struct Step {
    pub name: String,
    /// The test program, as Cargo names it.
    pub program: String,
    tests: Vec<String>,
    threads: usize,
    /// Longer than that it takes only when its tests do not end.
    limit: Duration,
}

/// All that can be run.
pub struct Bench {
    programs: Vec<Program>,
    plan: Plan,
    /// Where programs put what they do not clean up when they are killed.
    scratch: PathBuf,
}

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

/// Tests of a program that run at once, unless tests/suite/needs.rs says so.
const THREADS: usize = 3;
/// Failures in one step that are not the mutant's.
const CHANCES: usize = 5;

impl Bench {
    pub fn new(programs: Vec<Program>, scratch: PathBuf) -> Result<Self, String> {
        let plan = Plan::new(&programs, false)?;
        Ok(Self {
            programs,
            plan,
            scratch,
        })
    }

    /// The steps that prove an area.
    pub fn steps(&self, area: &Area) -> Result<Vec<Step>, String> {
        let mut steps = Vec::new();
        for (name, parts) in area.proofs {
            let database = DATABASES.iter().find(|database| database.name == *name);
            let program = database.map_or(*name, |database| database.program);
            let known: Vec<&str> = match database {
                Some(database) => self.plan.tests(database),
                None => self
                    .plan
                    .listed
                    .get(*name)
                    .into_iter()
                    .flatten()
                    .map(|test| &**test)
                    .collect(),
            };
            let chosen =
                |test: &&str| parts.is_empty() || parts.iter().any(|part| test.contains(part));
            let tests: Vec<String> = known
                .into_iter()
                .filter(chosen)
                .map(str::to_owned)
                .collect();
            if tests.is_empty() {
                return Err(format!(
                    "tests/mutants/areas.rs: {} has no test in {name}",
                    area.name
                ));
            }
            steps.push(Step {
                name: (*name).to_owned(),
                program: program.to_owned(),
                tests,
                threads: database.map_or(THREADS, |database| database.threads),
                limit: Duration::MAX,
            });
        }
        Ok(steps)
    }

    /// Runs all tests of these steps without a mutant, each once, and sets how long a step may take.
    /// Fails if one of them fails twice.
    pub fn baseline<'a>(
        &self,
        steps: impl IntoIterator<Item = &'a mut Step>,
    ) -> Result<(), String> {
        let mut steps: Vec<&mut Step> = steps.into_iter().collect();
        let mut all = BTreeMap::<String, (BTreeSet<String>, String, usize)>::new();
        for step in &steps {
            all.entry(step.name.clone())
                .or_insert_with(|| (BTreeSet::new(), step.program.clone(), step.threads))
                .0
                .extend(step.tests.iter().cloned());
        }
        let mut times = BTreeMap::new();
        for (name, (tests, program, threads)) in all {
            let whole = Step {
                name: name.clone(),
                program,
                tests: tests.into_iter().collect(),
                threads,
                limit: Duration::MAX,
            };
            let finished = job::run_tests(name.clone(), self.command(&whole, None, &whole.tests)?);
            println!(
                "without a mutant: {name}, {} tests in {:.0} s",
                finished.outcomes.len(),
                finished.time.as_secs_f64()
            );
            if let Some(failure) = finished.failure {
                return Err(format!("{name} fails without a mutant: {failure}"));
            }
            for outcome in finished.outcomes {
                if !outcome.passed && !self.passes(&whole, None, &outcome.test)? {
                    return Err(format!(
                        "{name}: {} fails without a mutant, so it proves nothing:\n{}",
                        outcome.test, outcome.printed
                    ));
                }
                times.insert((name.clone(), outcome.test), outcome.time);
            }
        }
        for step in &mut steps {
            let taken = step
                .tests
                .iter()
                .filter_map(|test| times.get(&(step.name.clone(), test.clone())));
            let (sum, longest) = taken
                .fold((Duration::ZERO, Duration::ZERO), |(sum, longest), time| {
                    (sum + *time, longest.max(*time))
                });
            let threads = u32::try_from(step.threads).unwrap_or(1);
            step.limit = Duration::from_secs(120) + 5 * (sum / threads + longest);
        }
        Ok(())
    }

    /// Runs one step with a mutant. A test notices the mutant if it fails twice with it, and then
    /// passes without it.
    pub fn run(&self, step: &Step, mutant: Option<usize>) -> Result<Verdict, String> {
        let mut tests = step.tests.clone();
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

    fn passes(&self, step: &Step, mutant: Option<usize>, test: &str) -> Result<bool, String> {
        let tests = [test.to_owned()];
        Ok(matches!(self.ending(step, mutant, &tests)?, Ending::Passed))
    }

    fn command(
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
        let ending = watch(&mut child, step.limit);
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
