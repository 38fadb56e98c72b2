//! A disk that is full.

use covara_diesel::{ErrorKind, INTERNAL_TABLE_NAMES, auto_migrate};
use diesel::prelude::*;
use support::small_disk::{SmallDisk, on_small_disk};

use crate::suite::auth::failures::{Outcome, expect, fill, reads, writes};
use crate::suite::auth::transactions::use_all;
use crate::suite::count;

/// Calls that change nothing: the account is linked already, and nothing has expired.
const IDLE: [&str; 4] = ["link", "delete expired", "delete expired tokens", "purge"];

#[test]
fn a_full_disk_is_an_error_of_every_method_that_writes() {
    on_small_disk(
        "sqlite::auth_disk_full::a_full_disk_is_an_error_of_every_method_that_writes",
        fill_and_write,
    );
}

fn fill_and_write(disk: &SmallDisk) {
    let file = disk.path().join("test.db");
    // With a rollback journal: that of WAL mode may have room left from before.
    let mut conn = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
    auto_migrate(&mut conn).unwrap();
    let present = fill(&mut conn);
    let filling = disk.fill();

    let (idle, others): (Vec<Outcome>, Vec<Outcome>) = writes(&mut conn, &present)
        .into_iter()
        .partition(|(method, _)| IDLE.contains(method));
    expect(others, &present, |error| {
        error.kind() == Some(ErrorKind::DiskFull)
    });
    for (method, outcome) in idle.into_iter().chain(reads(&mut conn, &present)) {
        outcome.expect(method);
    }
    for table in INTERNAL_TABLE_NAMES {
        assert_eq!(count(&mut conn, table), 1, "{table}");
    }
    drop(filling);
    use_all(&mut conn);
}
