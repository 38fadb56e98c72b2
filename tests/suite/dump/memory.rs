//! How much memory a dump takes.

use support::workers;

use crate::backend::TestDb;

/// However long the rows are, only a few are in memory at a time.
#[test]
fn large_rows_are_seeded_and_dumped_in_bounded_memory() {
    let worker = env!("CARGO_BIN_EXE_worker");
    let db = TestDb::new();
    for job in ["seed-large-rows", "dump-large-rows"] {
        let grown = workers::run(worker, &db.url(), 1, |_| job);
        let grown: usize = grown[0].parse().unwrap();
        eprintln!("{job}: {grown} bytes");
        assert!(grown < 128 << 20, "{job}: {grown} bytes");
    }
}

#[test]
fn many_rows_are_dumped_in_little_memory() {
    let worker = env!("CARGO_BIN_EXE_worker");
    for job in ["dump-csv", "dump-ndjson"] {
        let db = TestDb::new();
        let grown = workers::run(worker, &db.url(), 1, |_| job);
        let grown: usize = grown[0].parse().unwrap();
        eprintln!("{job}: {grown} bytes");
        assert!(grown < 8 << 20, "{job}: {grown} bytes");
    }
}
