//! Memory that no input makes larger.

use covara_diesel::Seed;
use covara_diesel::fixture::FixtureSource;
use diesel::connection::SimpleConnection;
use support::bounds::{LONG_ROW, LONG_ROWS};
use support::{cpu, workers};

use crate::backend::{Conn, TestDb};

/// By how much the peak of a process grows that does this job.
fn growth(job: &'static str) -> usize {
    let db = TestDb::new();
    let grown = workers::run(env!("CARGO_BIN_EXE_worker"), &db.url(), 1, |_| job);
    let grown = grown[0].parse().unwrap();
    eprintln!("{job}: {grown} bytes");
    grown
}

/// As a few of them are no more than one: far below what they are together.
#[test]
fn rows_of_a_file_are_held_by_their_bytes_and_not_by_their_number() {
    for job in ["bound-csv", "bound-ndjson"] {
        let grown = growth(job);
        assert!(grown < 128 << 20, "{job}: {grown} bytes");
        assert!(grown < LONG_ROWS * LONG_ROW, "{job}: {grown} bytes");
    }
}

/// The documentation says six times a row, and 4 MiB.
#[test]
fn the_longest_row_takes_a_few_times_its_length() {
    let grown = growth("bound-longest");
    assert!(grown < 6 * (64 << 20) + (8 << 20), "{grown} bytes");
}

#[test]
fn blank_lines_take_no_memory() {
    let grown = growth("bound-newlines");
    assert!(grown < 16 << 20, "{grown} bytes");
}

#[test]
fn rows_of_more_fields_than_a_table_has_are_refused_before_they_are_held() {
    let grown = growth("bound-commas");
    assert!(grown < 16 << 20, "{grown} bytes");
    let grown = growth("bound-keys");
    assert!(grown < 32 << 20, "{grown} bytes");
}

/// A text of 180 kB with 60,000 words.
#[test]
fn highlights_take_memory_for_the_text_and_not_for_each_match() {
    let grown = growth("bound-highlight");
    assert!(grown < 32 << 20, "{grown} bytes");
}

#[test]
fn a_filter_of_any_length_is_one_statement() {
    let grown = growth("bound-lists");
    assert!(grown < 16 << 20, "{grown} bytes");
}

/// Eight times the columns are eight times the work, or a little more, and not 64 times.
#[test]
fn the_names_of_a_header_are_compared_in_linear_time() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute("CREATE TABLE texts (id BIGINT PRIMARY KEY, text TEXT NOT NULL)")
        .unwrap();
    let header = |columns: usize| {
        let header: Vec<String> = (0..columns).map(|n| format!("column_{n}")).collect();
        header.join(",")
    };
    let refuse = |conn: &mut Conn, header: &str| {
        let source = FixtureSource::reader("texts.csv", header.as_bytes());
        let refused = Seed::new().fixture("texts", source).run(conn);
        assert!(refused.unwrap_err().to_string().contains("column_0"));
    };
    let (short, long) = (header(4_000), header(32_000));
    let mut other = db.connect();
    let [few, many] = cpu::medians(
        7,
        [&mut || refuse(&mut conn, &short), &mut || {
            refuse(&mut other, &long)
        }],
    );
    assert!(many < few * 24, "{few:?} and {many:?}");
}
