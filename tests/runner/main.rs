//! Runs all tests, the shared ones on every database, several programs at a time, and prints
//! where the time went. `tests/run` starts it, in an environment with a PostgreSQL server.

mod job;
#[path = "../suite/needs.rs"]
mod needs;
mod plan;
mod programs;
mod report;
mod sources;
mod watch;

use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use job::{Finished, run_tests, run_whole};
use needs::DATABASES;
use plan::Plan;
use programs::Program;

const FEATURES: &str = "sqlite,postgres,libsql,d1,neon";
/// Programs that run at once: some wait for time-outs or servers while others compute.
const LANES: usize = 3;
/// The table of tests and the databases on which they passed.
const TABLE: &str = "target/tests/by-database.txt";
/// The seconds that each test took.
const SECONDS: &str = "target/tests/seconds.txt";

/// A step that can run beside others.
struct Job {
    step: String,
    command: Command,
    run: fn(String, Command) -> Finished,
}

fn main() -> ExitCode {
    let mut everything = false;
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--everything" => everything = true,
            other => {
                eprintln!("tests/run: {other} is not known; there is --everything");
                return ExitCode::from(2);
            }
        }
    }
    match run(everything) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("tests/run: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Returns whether all tests passed.
fn run(everything: bool) -> Result<bool, String> {
    let programs = programs::build(FEATURES)?;
    let plan = Plan::new(&programs, everything)?;
    let mut faults = plan.faults();
    faults.extend(sources::forgotten(&programs).map_err(|error| error.to_string())?);
    if !faults.is_empty() {
        return Err(faults.join("\ntests/run: "));
    }

    let tests = Instant::now();
    let mut finished = in_lanes(jobs(&programs, &plan, everything));
    let alone = try_alone(&mut finished);
    let tests = tests.elapsed();

    report::write_table(Path::new(TABLE), &plan, &finished)
        .and_then(|()| report::write_seconds(Path::new(SECONDS), &finished))
        .map_err(|error| error.to_string())?;
    print!("{}", report::failures(&finished));
    print!("{}", alone.concat());
    print!("{}", report::databases(&plan));
    println!("Which test passed on which database: {TABLE}");
    print!("{}", report::slowest(&finished));
    println!("How long each test took: {SECONDS}");
    print!("{}", report::steps(&before(), &finished, tests));
    let failed: Vec<&str> = finished
        .iter()
        .filter(|job| job.failed())
        .map(|job| job.step.as_str())
        .collect();
    if !failed.is_empty() {
        println!("\nFAILED: {}", failed.join(", "));
    }
    Ok(failed.is_empty())
}

/// Most failed tests that are tried again.
const TRIED_AGAIN: usize = 10;
/// The words with which proptest prints an input that fails. Another try would be with other inputs.
const FAILING_INPUT: &str = "minimal failing input";

/// Runs tests that failed once more, one at a time, as some are about time-outs, which a machine
/// that is busy with other tests can miss. Returns those that passed then, and what each printed
/// when it failed.
fn try_alone(finished: &mut [Finished]) -> Vec<String> {
    let failed = finished.iter().flat_map(|job| &job.outcomes);
    if failed.filter(|outcome| !outcome.passed).count() > TRIED_AGAIN {
        return Vec::new();
    }
    let mut passed = Vec::new();
    for job in finished {
        let Some(again) = &job.again else { continue };
        for outcome in &mut job.outcomes {
            if outcome.passed || outcome.printed.contains(FAILING_INPUT) {
                continue;
            }
            let mut command = job::copy(again);
            command.args(["--exact", &outcome.test]);
            let second = run_tests(job.step.clone(), command);
            if second.outcomes.len() == 1 && !second.failed() {
                outcome.passed = true;
                passed.push(format!(
                    "passed only when nothing else ran: {}: {}\n{}\n",
                    job.step, outcome.test, outcome.printed
                ));
            }
        }
    }
    passed
}

/// The steps before this program, whose seconds `tests/run` gives.
fn before() -> Vec<(&'static str, Duration)> {
    let seconds = std::env::var("COVARA_TEST_STEPS").unwrap_or_default();
    ["what the machine needs", "compile the tests"]
        .into_iter()
        .zip(seconds.split(' '))
        .map(|(step, seconds)| {
            (
                step,
                Duration::from_secs(seconds.parse().unwrap_or_default()),
            )
        })
        .collect()
}

/// The longest, so that none of them is alone at the end.
const FIRST: [&str; 4] = ["PostgreSQL", "remote", "PgBouncer", "D1"];

fn jobs(programs: &[Program], plan: &Plan, everything: bool) -> Vec<Job> {
    let mut jobs = vec![cargo(
        "examples in the documentation",
        &["test", "--quiet", "--features", FEATURES, "--doc"],
    )];
    if everything {
        let mut fuzz = Command::new("tests/fuzz/run");
        fuzz.arg("60");
        jobs.push(whole("fuzz targets", fuzz));
        let mut plain = cargo("plain cargo test", &["test", "--quiet"]);
        // With fewer features it would put other programs where the tests look for theirs.
        plain.command.env("CARGO_TARGET_DIR", "target/plain");
        jobs.push(plain);
        jobs.push(cargo(
            "wide tables",
            &["test", "--quiet", "-p", "covara-wide-tests"],
        ));
        jobs.push(cargo(
            "packages",
            &[
                "package",
                "--allow-dirty",
                "-p",
                "covara-derive",
                "-p",
                "covara-diesel",
            ],
        ));
    }
    for program in programs {
        let mut databases = DATABASES
            .iter()
            .filter(|database| database.program == program.name)
            .peekable();
        if databases.peek().is_none() {
            jobs.push(tests(&program.name, program.command()));
        }
        for database in databases {
            let mut command = program.command();
            command
                .arg("--exact")
                .args(plan.tests(database))
                .args(["--test-threads", &database.threads.to_string()])
                .envs(database.row.map(|row| ("COVARA_TEST_ROW", row)));
            jobs.push(tests(database.name, command));
        }
    }
    if everything {
        for job in &mut jobs {
            job.command.env("COVARA_TEST_EVERYTHING", "1");
        }
    }
    jobs.sort_by_key(|job| {
        FIRST
            .iter()
            .position(|step| *step == job.step)
            .unwrap_or(FIRST.len())
    });
    jobs
}

fn tests(step: &str, command: Command) -> Job {
    Job {
        step: step.to_owned(),
        command,
        run: run_tests,
    }
}

fn cargo(step: &str, arguments: &[&str]) -> Job {
    let mut command = Command::new(env!("CARGO"));
    command.args(arguments);
    whole(step, command)
}

fn whole(step: &str, command: Command) -> Job {
    Job {
        step: step.to_owned(),
        command,
        run: run_whole,
    }
}

/// Runs `LANES` jobs at a time, in their order, and tells of each when it ends.
fn in_lanes(jobs: Vec<Job>) -> Vec<Finished> {
    let begun = Instant::now();
    let jobs: Vec<Mutex<Option<Job>>> = jobs.into_iter().map(|job| Mutex::new(Some(job))).collect();
    let next = AtomicUsize::new(0);
    let finished = Mutex::new(Vec::new());
    let lane = || {
        while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let Some(job) = job.lock().unwrap_or_else(PoisonError::into_inner).take() else {
                continue;
            };
            let done = (job.run)(job.step, job.command);
            let failed = done.outcomes.iter().filter(|outcome| !outcome.passed);
            println!(
                "{:>5} s  {}: {} tests in {:.0} s{}",
                begun.elapsed().as_secs(),
                done.step,
                done.outcomes.len(),
                done.time.as_secs_f64(),
                failed
                    .map(|outcome| format!("\n         FAILED {}", outcome.test))
                    .collect::<String>(),
            );
            finished
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(done);
        }
    };
    thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(lane);
        }
    });
    finished
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
}
