//! Says which small changes of the library no test notices. See the script `run`, which starts this
//! in an environment with a PostgreSQL server.

mod areas;
mod bench;
#[expect(dead_code, reason = "`tests/run` needs more of it")]
#[path = "../runner/job.rs"]
mod job;
mod mutant;
#[path = "../suite/needs.rs"]
mod needs;
#[expect(dead_code, reason = "`tests/run` needs more of it")]
#[path = "../runner/plan.rs"]
mod plan;
#[expect(dead_code, reason = "`tests/run` needs more of it")]
#[path = "../runner/programs.rs"]
mod programs;
mod report;
mod switches;
mod tree;
mod trial;
#[path = "../runner/watch.rs"]
mod watch;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use areas::AREAS;
use bench::{Bench, Step};
use mutant::{Equivalent, Mutant};
use programs::Program;
use report::{Outcome, Report};
use tree::{Together, Tree};
use trial::Verdict;

/// What the command line says.
struct Arguments {
    sample: Option<usize>,
    seed: u64,
    diff: Option<String>,
    also: Option<String>,
    jobs: usize,
    areas: Vec<String>,
    /// Whether to do nothing else than to read the command line.
    check: bool,
}

fn main() -> ExitCode {
    let arguments = match arguments(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(message) => {
            eprintln!("tests/mutants/run: {message}");
            return ExitCode::from(2);
        }
    };
    if arguments.check {
        return match areas::check() {
            Ok(()) => ExitCode::SUCCESS,
            Err(message) => {
                eprintln!("tests/mutants/run: {message}");
                ExitCode::FAILURE
            }
        };
    }
    match run(&arguments) {
        Ok(report) => {
            print!("{report}");
            if report.complete() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(message) => {
            eprintln!("tests/mutants/run: {message}");
            ExitCode::FAILURE
        }
    }
}

fn arguments(mut given: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let mut arguments = Arguments {
        sample: None,
        seed: now.as_secs(),
        diff: None,
        also: None,
        jobs: 2,
        areas: Vec::new(),
        check: false,
    };
    while let Some(argument) = given.next() {
        let mut value = || {
            given
                .next()
                .ok_or_else(|| format!("{argument} needs a value"))
        };
        match argument.as_str() {
            "--sample" => arguments.sample = Some(number::<usize>(&argument, &value()?)?.max(1)),
            "--seed" => arguments.seed = number(&argument, &value()?)?,
            "--jobs" => arguments.jobs = number::<usize>(&argument, &value()?)?.max(1),
            "--in-diff" => arguments.diff = Some(file(value()?)?),
            "--also" => arguments.also = Some(file(value()?)?),
            "--check" => arguments.check = true,
            area if AREAS.iter().any(|known| known.name == area) => arguments.areas.push(argument),
            _ => {
                let known: Vec<&str> = AREAS.iter().map(|area| area.name).collect();
                return Err(format!(
                    "{argument} is neither an option (--help tells them) nor one of the areas {}",
                    known.join(", ")
                ));
            }
        }
    }
    Ok(arguments)
}

fn file(path: String) -> Result<String, String> {
    match std::path::Path::new(&path).is_file() {
        true => Ok(path),
        false => Err(format!("there is no file {path}")),
    }
}

fn number<T: std::str::FromStr>(option: &str, value: &str) -> Result<T, String> {
    value
        .parse()
        .map_err(|_| format!("{option} needs a whole number, not {value}"))
}

fn run(arguments: &Arguments) -> Result<Report, String> {
    let mut mutants = mutant::list(&arguments.areas, arguments.diff.as_deref())?;
    let possible = mutants.len();
    mutant::shuffle(&mut mutants, arguments.seed);
    mutants.truncate(arguments.sample.unwrap_or(possible));
    println!(
        "{} of {possible} mutants, seed {}",
        mutants.len(),
        arguments.seed
    );
    if let Some(file) = &arguments.also {
        let json = std::fs::read(file).map_err(|error| format!("{file}: {error}"))?;
        mutants.extend(mutant::read(&json)?);
    }
    let mut report = Report::new(arguments.seed, possible);

    let equivalent = Equivalent::read()?;
    let mut tried = Vec::new();
    for mutant in mutants {
        match equivalent.reason(&mutant, &tree::source(&mutant.file)?) {
            Some(reason) => report.add(&mutant, Outcome::Equivalent(reason.to_owned())),
            None => tried.push(mutant),
        }
    }
    let mutants = tried;
    if mutants.is_empty() {
        return Ok(report);
    }

    let tree = Tree::new()?;
    let together = tree.build_together(&mutants)?;
    for number in &together.broken {
        report.add(&mutants[*number], Outcome::DoesNotCompile);
    }
    let programs = together.messages.iter().map(Program::of_message);
    let programs = programs
        .filter_map(Result::transpose)
        .collect::<Result<Vec<_>, _>>()?;
    let scratch = std::env::temp_dir().join(format!("covara-mutants-{}", std::process::id()));
    let mut bench = Bench::new(programs, scratch.clone())?;
    let tried = try_all(
        arguments,
        &mutants,
        &together,
        &tree,
        &mut bench,
        &mut report,
    );
    // Nothing is left there that anybody needs.
    let _ = std::fs::remove_dir_all(scratch);
    tried?;
    report.write()?;
    Ok(report)
}

fn try_all(
    arguments: &Arguments,
    mutants: &[Mutant],
    built: &Together,
    tree: &Tree,
    bench: &mut Bench,
    report: &mut Report,
) -> Result<(), String> {
    let mut steps = BTreeMap::new();
    // All of them, so that a mistake in the table is not found only by those whom it concerns.
    for area in AREAS {
        steps.insert(area.name, bench.steps(area)?);
    }
    steps.retain(|name, _| mutants.iter().any(|mutant| mutant.area.name == *name));
    bench.baseline(steps.values().flatten(), arguments.jobs)?;
    let bench = &*bench;

    let elsewhere = |number: &usize| built.alone.contains(number) || built.broken.contains(number);
    let together: Vec<usize> = (0..mutants.len())
        .filter(|number| !elsewhere(number))
        .collect();
    println!(
        "{} mutants in one build, {} alone",
        together.len(),
        built.alone.len()
    );
    let next = AtomicUsize::new(0);
    let shared = Mutex::new((&mut *report, Ok(())));
    let lane = || {
        while let Some(number) = together.get(next.fetch_add(1, Ordering::Relaxed)) {
            let mutant = &mutants[*number];
            let outcome = behind_switch(bench, &steps[mutant.area.name], *number);
            let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
            match outcome {
                Ok(outcome) => shared.0.add(mutant, outcome),
                Err(message) => {
                    shared.1 = Err(message);
                    next.store(together.len(), Ordering::Relaxed);
                }
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..arguments.jobs {
            scope.spawn(lane);
        }
    });
    shared
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
        .1?;

    for number in &built.alone {
        let mutant = &mutants[*number];
        tree.restore(mutants)?;
        tree.apply(mutant)?;
        let outcome = in_its_own_build(tree, bench, &steps[mutant.area.name])?;
        report.add(mutant, outcome);
    }
    tree.restore(mutants)
}

fn behind_switch(bench: &Bench, steps: &[Step], number: usize) -> Result<Outcome, String> {
    for (step, tests) in bench.rounds(steps, number) {
        match bench.run(step, tests, Some(number))? {
            Verdict::Missed => {}
            verdict => return Ok(verdict.into()),
        }
    }
    Ok(Outcome::Missed)
}

fn in_its_own_build(tree: &Tree, bench: &Bench, steps: &[Step]) -> Result<Outcome, String> {
    for step in steps {
        let targets: &[&str] = match step.program.as_str() {
            "covara_diesel" | "covara_derive" => &["--lib"],
            program => &["--test", program],
        };
        if let Err(mistakes) = tree.build(targets) {
            return Ok(match mistakes.iter().any(|mistake| mistake.in_library) {
                true => Outcome::DoesNotCompile,
                false => Outcome::Noticed(format!("{}: does not compile", step.name)),
            });
        }
        match bench.run(step, step.tests.clone(), None)? {
            Verdict::Missed => {}
            verdict => return Ok(verdict.into()),
        }
    }
    Ok(Outcome::Missed)
}
