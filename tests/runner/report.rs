//! Prints the results at the end.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use crate::job::{Finished, Outcome};
use crate::needs::{DATABASES, Database};
use crate::plan::{Fate, Plan};

/// Slow tests that are listed.
const SLOWEST: usize = 20;

/// Everything that failed, with what it printed.
pub fn failures(finished: &[Finished]) -> String {
    let mut text = String::new();
    for job in finished {
        for outcome in job.outcomes.iter().filter(|outcome| !outcome.passed) {
            let _ = writeln!(
                text,
                "\n---- {}: {}\n{}",
                job.step, outcome.test, outcome.printed
            );
        }
        if let Some(failure) = &job.failure {
            let _ = writeln!(text, "\n---- {}: {failure}", job.step);
        }
    }
    text
}

/// Every test with its seconds, slowest first.
fn by_time(finished: &[Finished]) -> impl Iterator<Item = String> {
    let mut all: Vec<(&str, &Outcome)> = finished
        .iter()
        .flat_map(|job| {
            job.outcomes
                .iter()
                .map(|outcome| (job.step.as_str(), outcome))
        })
        .collect();
    all.sort_by_key(|(_, outcome)| std::cmp::Reverse(outcome.time));
    all.into_iter().map(|(step, outcome)| {
        let seconds = outcome.time.as_secs_f64();
        format!("{seconds:>7.1}  {step}: {}\n", outcome.test)
    })
}

pub fn slowest(finished: &[Finished]) -> String {
    let slowest: String = by_time(finished).take(SLOWEST).collect();
    format!("\nThe {SLOWEST} slowest tests, in seconds:\n{slowest}")
}

/// Writes the seconds of every test, slowest first.
pub fn write_seconds(path: &Path, finished: &[Finished]) -> std::io::Result<()> {
    std::fs::write(path, by_time(finished).collect::<String>())
}

/// Seconds of each step; those of `finished` run beside each other.
pub fn steps(before: &[(&str, Duration)], finished: &[Finished], tests: Duration) -> String {
    let mut text = "\nSeconds of each step:\n".to_owned();
    let mut line = |seconds: Duration, name: &str, rest: &str| {
        let _ = writeln!(text, "{:>7.1}  {name}{rest}", seconds.as_secs_f64());
    };
    for (name, seconds) in before {
        line(*seconds, name, "");
    }
    line(tests, "all tests, several programs at a time:", "");
    for job in finished {
        let passed = job.outcomes.iter().filter(|outcome| outcome.passed);
        let count = match passed.count() {
            0 => String::new(),
            passed => format!(": {passed} passed"),
        };
        line(job.time, &format!("  {}", job.step), &count);
    }
    let total = before.iter().map(|(_, time)| *time).sum::<Duration>() + tests;
    line(total, "in all", "");
    text
}

/// Counts the shared tests that ran on each database, and says why others did not.
pub fn databases(plan: &Plan) -> String {
    let mut text = format!("\nThe {} shared tests:\n", plan.shared.len());
    for database in DATABASES {
        let fates: Vec<Fate> = plan
            .shared
            .iter()
            .map(|test| plan.fate(database, test))
            .collect();
        let count = |fate| fates.iter().filter(|other| **other == fate).count();
        let _ = write!(text, "{:<14}{:>4} ran", database.name, count(Fate::Runs));
        if count(Fate::Later) > 0 {
            let _ = write!(text, ", {} only with --everything", count(Fate::Later));
        }
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        for fate in &fates {
            if let Fate::NotPossible(reason) = fate {
                *reasons.entry(reason).or_default() += 1;
            }
        }
        let impossible: usize = reasons.values().sum();
        if impossible > 0 {
            let _ = write!(text, ", {impossible} not possible");
        }
        text.push('\n');
        for (reason, tests) in reasons {
            let _ = writeln!(text, "{:>18}  {reason}", tests);
        }
    }
    text
}

/// Writes which test passed on which database.
pub fn write_table(path: &Path, plan: &Plan, finished: &[Finished]) -> std::io::Result<()> {
    let width = plan
        .shared
        .iter()
        .map(String::len)
        .max()
        .unwrap_or_default();
    let mut text = " ".repeat(width);
    for database in DATABASES {
        let _ = write!(text, "  {}", database.name);
    }
    text.push('\n');
    for test in &plan.shared {
        let _ = write!(text, "{test:<width$}");
        for database in DATABASES {
            let cell = cell(plan, finished, database, test);
            let _ = write!(text, "  {cell:<column$}", column = database.name.len());
        }
        text.push('\n');
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, text)
}

fn cell(plan: &Plan, finished: &[Finished], database: &Database, test: &str) -> &'static str {
    match plan.fate(database, test) {
        Fate::NotPossible(_) => "-",
        Fate::Later => "later",
        Fate::Runs => {
            let job = finished.iter().find(|job| job.step == database.name);
            let outcome = job.and_then(|job| {
                job.outcomes
                    .iter()
                    .find(|outcome| outcome.test.strip_prefix("suite::") == Some(test))
            });
            match outcome {
                Some(outcome) if outcome.passed => "ok",
                Some(_) => "FAILED",
                None => "not run",
            }
        }
    }
}
