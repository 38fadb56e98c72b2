//! Speed and memory against the number of rows, which are streamed into a new table.
//!
//! Each run is a process of its own, as a process has one peak of memory only.

use std::any::Any;
use std::process::Command;
use std::time::Duration;

use support::memory;

use super::comparison::timed;
use super::measure::{median, print_setting};
use super::rows::fields;

const SIZES: [i64; 5] = [1_000, 10_000, 100_000, 1_000_000, 10_000_000];

/// What `Seed` promises to stay below, however many rows are streamed.
pub const TARGET_BYTES: f64 = 64e6;

/// The argument that makes this program do one run only.
pub const ONE: &str = "one";

pub struct Engine {
    pub name: &'static str,
    pub version: fn() -> String,
    /// A database that lives as long as the first, and its URL.
    pub new_database: fn() -> (Box<dyn Any>, String),
    pub contestants: &'static [Contestant],
}

pub struct Contestant {
    pub name: &'static str,
    /// Streams so many rows into a new table of the database with that URL.
    pub run: fn(&str, i64) -> Run,
}

/// What one run took.
#[derive(Clone, Copy)]
pub struct Run {
    time: Duration,
    /// By how many bytes the process's peak of resident memory grew.
    growth: usize,
}

impl Run {
    /// Measures `insert`, which inserts that many rows and says how many it has.
    pub fn of(rows: i64, insert: impl FnOnce() -> usize) -> Self {
        let before = memory::peak();
        let (time, inserted) = timed(insert);
        let growth = memory::peak() - before;
        assert_eq!(inserted as i64, rows);
        Self { time, growth }
    }
}

/// What was measured on one engine.
pub struct Measured {
    /// With its version.
    pub engine: String,
    pub series: Vec<Series>,
}

pub struct Series {
    pub name: &'static str,
    pub points: Vec<Point>,
}

/// Medians of some runs.
pub struct Point {
    pub rows: f64,
    pub rows_per_second: f64,
    pub growth: f64,
    most_growth: f64,
}

/// What [`rounds`] says.
pub const MEDIANS: &str = "medians of 9 runs up to 10 k rows, 5 at 100 k, 3 at 1 M, one at 10 M";

fn rounds(rows: i64) -> usize {
    match rows {
        ..=10_000 => 9,
        10_001..=100_000 => 5,
        100_001..=1_000_000 => 3,
        // Minutes for all contestants.
        _ => 1,
    }
}

/// Measures all contestants by turns, with up to `largest` rows.
pub fn measure(engine: &Engine, largest: i64) -> Measured {
    let version = (engine.version)();
    print_setting(
        engine.name,
        &version,
        format!("streamed rows into a new table, {} made a second", making()),
    );
    let mut series: Vec<Series> = engine
        .contestants
        .iter()
        .map(|contestant| Series {
            name: contestant.name,
            points: Vec::new(),
        })
        .collect();
    for rows in SIZES.into_iter().filter(|&rows| rows <= largest) {
        // Millions of rows take minutes.
        let (count, name) = (rounds(rows), engine.name);
        eprintln!(
            "{name}: {} rows, {count} runs of each …",
            thousands(rows as f64)
        );
        let mut runs = vec![Vec::new(); series.len()];
        for _ in 0..count {
            for (contestant, runs) in engine.contestants.iter().zip(&mut runs) {
                runs.push(run_apart(engine, contestant, rows));
            }
        }
        for (series, runs) in series.iter_mut().zip(runs) {
            series.points.push(point(rows, &runs));
        }
    }
    let measured = Measured {
        engine: format!("{} {version}", engine.name),
        series,
    };
    print(&measured);
    measured
}

/// How many rows can be made in a second, which is part of what is measured.
fn making() -> String {
    const ROWS: i64 = 200_000;
    let (time, ()) = timed(|| {
        for number in 0..ROWS {
            std::hint::black_box(fields(number, number));
        }
    });
    thousands(ROWS as f64 / time.as_secs_f64())
}

fn point(rows: i64, runs: &[Run]) -> Point {
    let seconds: Vec<f64> = runs.iter().map(|run| run.time.as_secs_f64()).collect();
    let growths: Vec<usize> = runs.iter().map(|run| run.growth).collect();
    Point {
        rows: rows as f64,
        rows_per_second: rows as f64 / median(&seconds),
        growth: median(&growths) as f64,
        most_growth: growths.iter().copied().max().unwrap_or(0) as f64,
    }
}

/// Does one run in a process of its own.
fn run_apart(engine: &Engine, contestant: &Contestant, rows: i64) -> Run {
    let (_database, url) = (engine.new_database)();
    let program = std::env::current_exe().expect("this program's path");
    let output = Command::new(program)
        .args([ONE, engine.name, contestant.name, &rows.to_string(), &url])
        .output()
        .expect("this program once more");
    let answer = String::from_utf8_lossy(&output.stdout);
    let numbers = answer.trim().split_once(' ');
    let numbers =
        numbers.and_then(|(time, growth)| Some((time.parse().ok()?, growth.parse().ok()?)));
    let Some((nanoseconds, growth)) = numbers.filter(|_| output.status.success()) else {
        panic!(
            "{}: {}",
            contestant.name,
            String::from_utf8_lossy(&output.stderr)
        );
    };
    Run {
        time: Duration::from_nanos(nanoseconds),
        growth,
    }
}

/// The other end of [`run_apart`].
pub fn run_one(engines: &[Engine], engine: &str, contestant: &str, rows: &str, url: &str) {
    let engine = engines.iter().find(|known| known.name == engine);
    let contestant = engine
        .and_then(|engine| {
            engine
                .contestants
                .iter()
                .find(|known| known.name == contestant)
        })
        .expect("a known contestant");
    let run = (contestant.run)(url, rows.parse().expect("a number of rows"));
    println!("{} {}", run.time.as_nanos(), run.growth);
}

fn print(measured: &Measured) {
    let sizes: Vec<i64> = measured.series[0]
        .points
        .iter()
        .map(|point| point.rows as i64)
        .collect();
    let row = |label: &str, cells: Vec<String>| {
        print!("  {label:<36}");
        for cell in cells {
            print!(" {cell:>12}");
        }
        println!();
    };
    let head = |what: &str| {
        println!("\n{}, {what}", measured.engine);
        row(
            "rows",
            sizes.iter().map(|&rows| thousands(rows as f64)).collect(),
        );
        row(
            "medians of",
            sizes.iter().map(|&rows| rounds(rows).to_string()).collect(),
        );
    };
    head("rows/s");
    for series in &measured.series {
        let speeds = series
            .points
            .iter()
            .map(|point| thousands(point.rows_per_second));
        row(series.name, speeds.collect());
    }
    head("growth of this program's peak memory in MB; the memory of a server is not counted");
    for series in &measured.series {
        let growths = series
            .points
            .iter()
            .map(|point| format!("{:.1}", point.growth / 1e6));
        row(series.name, growths.collect());
    }
    for series in measured
        .series
        .iter()
        .filter(|series| series.name == "Seed")
    {
        if let Some(point) = series.points.last() {
            println!(
                "  Seed's peak with {} streamed rows: {:.1} MB above the start at most; target: \
                 below {:.0} MB, {}",
                thousands(point.rows),
                point.most_growth / 1e6,
                TARGET_BYTES / 1e6,
                if point.most_growth < TARGET_BYTES {
                    "met"
                } else {
                    "MISSED"
                },
            );
        }
    }
}

fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
