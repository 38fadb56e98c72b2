//! Seeding, compared with the fastest way to the same rows by hand.
//!
//!     cargo bench --bench seed
//!     tests/with-postgres cargo bench --features postgres --bench seed
//!
//! First 300,000 rows in memory, into empty tables and into tables that hold them. With
//! ascending keys the database has the least work to do, so that what a library adds shows
//! the most. Scattered keys, as UUIDs are, touch other pages of the indexes with each row,
//! which is where SQLite pays for statements of several rows.
//!
//! Then a thousand to a million streamed rows, with the memory they take; with
//! `-- --largest 10000000` up to ten million, which takes about 2 GB of disk and ten
//! minutes. What comes of that is drawn into `benches/plots`.

#[path = "../comparison.rs"]
mod comparison;
mod growth;
#[path = "../measure.rs"]
mod measure;
mod plot;
#[cfg(feature = "postgres")]
mod postgres;
mod raw_sqlite;
mod rows;
mod sqlite;

use growth::{Engine, Measured};

/// How many rows are in memory for the comparison, and how often it is repeated.
const ROWS: i64 = 300_000;
const ROUNDS: usize = 5;

/// The largest size of the growing ones, unless told otherwise.
const LARGEST: i64 = 1_000_000;

const USAGE: &str = "usage: cargo bench --bench seed [-- --largest ROWS]";

fn main() {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    // Cargo's own.
    arguments.retain(|argument| argument != "--bench");
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => run(LARGEST),
        ["--largest", rows] => match rows.parse() {
            Ok(rows) => run(rows),
            Err(error) => exit(&format!("--largest {rows}: {error}")),
        },
        [growth::ONE, engine, contestant, rows, url] => {
            growth::run_one(&engines(), engine, contestant, rows, url);
        }
        _ => exit(USAGE),
    }
}

fn exit(message: &str) {
    eprintln!("{message}");
    std::process::exit(2);
}

fn run(largest: i64) {
    sqlite::compare_all();
    #[cfg(feature = "postgres")]
    postgres::compare_all();

    let measured: Vec<Measured> = engines()
        .iter()
        .map(|engine| growth::measure(engine, largest))
        .collect();
    plot::draw(&measured);

    #[cfg(not(feature = "postgres"))]
    println!(
        "\nPostgreSQL: not measured, no server; run \
         tests/with-postgres cargo bench --features postgres --bench seed"
    );
}

fn engines() -> Vec<Engine> {
    vec![
        sqlite::ENGINE,
        #[cfg(feature = "postgres")]
        postgres::ENGINE,
    ]
}
