//! A server whose disk is full: that of the tables, as without room for its log it stops.

use std::fs;

use covara_diesel::{ErrorKind, auto_migrate};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use support::own_postgres::{PostgresServer, give};
use support::small_disk::{SmallDisk, on_small_disk};

use crate::suite::auth::failures::{Outcome, expect, fill, reads, writes};
use crate::suite::auth::transactions::use_all;
use crate::suite::number;

/// Calls that need no more room.
const DELETIONS: [&str; 11] = [
    "delete",
    "log out everywhere",
    "delete expired",
    "unlink",
    "unlink all",
    "delete a key",
    "delete keys",
    "consume",
    "take back",
    "delete expired tokens",
    "purge",
];

/// Fills what room the tables have in their pages, with rows shorter than any other.
fn fill_pages(conn: &mut PgConnection) {
    let time = "'2026-01-02'";
    let rows = [
        format!("auth_sessions VALUES ($n, '', {time}, {time})"),
        "auth_accounts VALUES ('', '', '', $n)".to_owned(),
        format!("auth_api_keys VALUES ($n, '', '', '', '', NULL, {time})"),
        format!("auth_verification_tokens VALUES ('', $n, {time})"),
    ];
    for row in rows {
        let refused = (0..10_000).find_map(|n| {
            let row = row.replace("$n", &format!("'{n}'"));
            conn.batch_execute(&format!("INSERT INTO {row}")).err()
        });
        let error = refused.expect("the disk is full").to_string();
        assert!(error.contains("No space left on device"), "{error}");
    }
}

#[test]
fn a_full_disk_is_an_error_of_every_method_that_needs_room() {
    on_small_disk(
        "postgres::auth_disk_full::a_full_disk_is_an_error_of_every_method_that_needs_room",
        fill_and_write,
    );
}

/// On a server of its own, as no other sees the disk.
fn fill_and_write(disk: &SmallDisk) {
    let place = disk.path().join("tables");
    fs::create_dir(&place).unwrap();
    give(&place);
    let server = PostgresServer::start(&["-c", "fsync=off"], |_| ());
    let mut conn = PgConnection::establish(&server.url()).unwrap();
    for sql in [
        &format!("CREATE TABLESPACE small LOCATION '{}'", place.display()),
        "SET default_tablespace = small",
    ] {
        conn.batch_execute(sql).unwrap();
    }
    auto_migrate(&mut conn).unwrap();
    let present = fill(&mut conn);
    let filling = disk.fill();
    fill_pages(&mut conn);

    for (method, outcome) in reads(&mut conn, &present) {
        outcome.expect(method);
    }
    let (deletions, others): (Vec<Outcome>, Vec<Outcome>) = writes(&mut conn, &present)
        .into_iter()
        .partition(|(method, _)| DELETIONS.contains(method));
    expect(others, &present, |error| {
        error.kind() == Some(ErrorKind::DiskFull)
    });
    assert_eq!(deletions.len(), DELETIONS.len());
    for (method, outcome) in deletions {
        outcome.expect(method);
    }
    for table in ["auth_sessions", "auth_accounts", "auth_api_keys"] {
        let kept = format!("SELECT count(*) AS n FROM {table} WHERE \"userId\" = 'ada'");
        assert_eq!(number(&mut conn, &kept), 0, "{table}");
    }
    drop(filling);
    use_all(&mut conn);
}
