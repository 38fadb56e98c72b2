//! What there is to run, and which tests run what a mutant changes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::areas::Area;
use crate::job;
use crate::needs::DATABASES;
use crate::plan::Plan;
use crate::programs::Program;
use crate::switches::TRACE;

/// A proof of an area, ready to run.
#[derive(Clone)]
pub struct Step {
    pub name: String,
    /// The test program, as Cargo names it.
    pub program: String,
    pub tests: Vec<String>,
    pub threads: usize,
}

/// All that can be run.
pub struct Bench {
    pub programs: Vec<Program>,
    plan: Plan,
    /// Where programs put what they do not clean up when they are killed.
    pub scratch: PathBuf,
    /// How long each test of a step takes.
    times: BTreeMap<String, BTreeMap<String, Duration>>,
    /// What each mutant is reached by, in each step.
    reached: BTreeMap<(usize, String), Reached>,
}

/// What runs the function that a mutant changes.
#[derive(Default)]
struct Reached {
    tests: BTreeSet<String>,
    /// Whether threads or processes do that a test has started.
    others: bool,
}

/// Tests of a program that run at once, unless tests/suite/needs.rs says so.
const THREADS: usize = 3;
/// As many of the quickest tests are asked first.
const FIRST: usize = 8;

impl Bench {
    pub fn new(programs: Vec<Program>, scratch: PathBuf) -> Result<Self, String> {
        let plan = Plan::new(&programs, false)?;
        Ok(Self {
            programs,
            plan,
            scratch,
            times: BTreeMap::new(),
            reached: BTreeMap::new(),
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
            });
        }
        Ok(steps)
    }

    /// Runs all tests of these steps without a mutant, and notes how long they take and which
    /// mutants they reach. Fails if one of them fails twice.
    pub fn baseline<'a>(
        &mut self,
        steps: impl IntoIterator<Item = &'a Step>,
        jobs: usize,
    ) -> Result<(), String> {
        let mut all = BTreeMap::<String, Step>::new();
        for step in steps {
            let whole = all.entry(step.name.clone()).or_insert_with(|| step.clone());
            whole.tests.extend(step.tests.iter().cloned());
        }
        for whole in all.values_mut() {
            whole.tests.sort_unstable();
            whole.tests.dedup();
        }
        let all: Vec<Step> = all.into_values().collect();
        let next = AtomicUsize::new(0);
        let measured = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for _ in 0..jobs {
                scope.spawn(|| {
                    while let Some(step) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let result = self.measure(step);
                        let mut measured = measured.lock().unwrap_or_else(PoisonError::into_inner);
                        measured.push((&step.name, result));
                    }
                });
            }
        });
        for (name, result) in measured
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
        {
            self.times.insert(name.clone(), result?);
            self.note(name).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Where the processes of a step tell what they reach.
    fn trace(&self, step: &str) -> PathBuf {
        self.scratch.join("reached").join(step)
    }

    fn measure(&self, step: &Step) -> Result<BTreeMap<String, Duration>, String> {
        let name = &step.name;
        let trace = self.trace(name);
        // Some processes are other users'.
        fs::create_dir_all(&trace)
            .and_then(|()| fs::set_permissions(&trace, fs::Permissions::from_mode(0o777)))
            .map_err(|error| error.to_string())?;
        let mut command = self.command(step, None, &step.tests)?;
        command.env(TRACE, &trace);
        let finished = job::run_tests(name.clone(), command);
        println!(
            "without a mutant: {name}, {} tests in {:.0} s",
            finished.outcomes.len(),
            finished.time.as_secs_f64()
        );
        if let Some(failure) = finished.failure {
            return Err(format!("{name} fails without a mutant: {failure}"));
        }
        let mut times = BTreeMap::new();
        for outcome in finished.outcomes {
            if !outcome.passed && !self.passes(step, None, &outcome.test)? {
                return Err(format!(
                    "{name}: {} fails without a mutant, so it proves nothing:\n{}",
                    outcome.test, outcome.printed
                ));
            }
            times.insert(outcome.test, outcome.time);
        }
        Ok(times)
    }

    fn note(&mut self, step: &str) -> std::io::Result<()> {
        for process in fs::read_dir(self.trace(step))? {
            for line in fs::read_to_string(process?.path())?.lines() {
                let Some((number, thread)) = line.split_once('\t') else {
                    continue;
                };
                let Some(number) = number.parse::<usize>().ok().and_then(|n| n.checked_sub(1))
                else {
                    continue;
                };
                let reached = self.reached.entry((number, step.to_owned())).or_default();
                // libtest gives each test a thread of its name.
                match self
                    .times
                    .get(step)
                    .is_some_and(|tests| tests.contains_key(thread))
                {
                    true => drop(reached.tests.insert(thread.to_owned())),
                    false => reached.others = true,
                }
            }
        }
        Ok(())
    }

    /// The rounds in which tests are asked about a mutant: those that run what it changes, the
    /// quickest first; then, where a thread or a process runs it that is nobody's, the others.
    pub fn rounds<'a>(&self, steps: &'a [Step], number: usize) -> Vec<(&'a Step, Vec<String>)> {
        let mut first = Vec::new();
        let mut second = Vec::new();
        let mut third = Vec::new();
        for step in steps {
            let Some(reached) = self.reached.get(&(number, step.name.clone())) else {
                continue;
            };
            let (mut own, others): (Vec<String>, Vec<String>) = step
                .tests
                .iter()
                .cloned()
                .partition(|test| reached.tests.contains(test));
            own.sort_by_key(|test| self.time(step, test));
            let later = own.split_off(own.len().min(FIRST));
            first.push((step, own));
            second.push((step, later));
            if reached.others {
                third.push((step, others));
            }
        }
        let rounds = first.into_iter().chain(second).chain(third);
        rounds.filter(|(_, tests)| !tests.is_empty()).collect()
    }

    fn time(&self, step: &Step, test: &str) -> Duration {
        let time = self.times.get(&step.name).and_then(|tests| tests.get(test));
        time.copied().unwrap_or(Duration::from_secs(60))
    }

    /// Longer than that it takes only if the tests do not end.
    pub fn limit(&self, step: &Step, tests: &[String]) -> Duration {
        let times = tests.iter().map(|test| self.time(step, test));
        let longest = times.clone().max().unwrap_or_default();
        let threads = u32::try_from(step.threads).unwrap_or(1);
        Duration::from_secs(60) + 5 * (times.sum::<Duration>() / threads + longest)
    }
}
