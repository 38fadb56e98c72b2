//! A server whose disk is full: that of the tables, as without room for its log it stops.

use std::os::unix::fs::MetadataExt;

use covara_diesel::auth::AuthError;
use covara_diesel::auto_migrate;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use support::postgres::{TestDb, server_url};
use support::small_disk::SmallDisk;

use crate::suite::auth::failures::{Outcome, expect, fill, reads, writes};
use crate::suite::auth::transactions::use_all;
use crate::suite::number;

/// What needs no more room.
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

/// A place for tables on a disk of its own; taken away when dropped, after its tables.
struct Tablespace {
    name: String,
    disk: SmallDisk,
}

impl Tablespace {
    fn new() -> Self {
        let mut conn = admin();
        let server = number(&mut conn, "SELECT pg_backend_pid()::bigint AS n");
        let process = std::fs::metadata(format!("/proc/{server}"));
        let owner = process.expect("the server runs on this machine").uid();
        let disk = SmallDisk::new(owner);
        let name = format!("covara_test_{}", std::process::id());
        let path = disk.path().display();
        conn.batch_execute(&format!("CREATE TABLESPACE {name} LOCATION '{path}'"))
            .unwrap();
        Self { name, disk }
    }
}

impl Drop for Tablespace {
    fn drop(&mut self) {
        let dropped = admin().batch_execute(&format!("DROP TABLESPACE {}", self.name));
        dropped.expect("its tables are gone");
    }
}

fn admin() -> PgConnection {
    PgConnection::establish(&server_url()).expect("the test server")
}

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
    let tablespace = Tablespace::new();
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(&format!("SET default_tablespace = {}", tablespace.name))
        .unwrap();
    auto_migrate(&mut conn).unwrap();
    let present = fill(&mut conn);
    let filling = tablespace.disk.fill();
    fill_pages(&mut conn);

    for (method, outcome) in reads(&mut conn, &present) {
        outcome.expect(method);
    }
    let (deletions, others): (Vec<Outcome>, Vec<Outcome>) = writes(&mut conn, &present)
        .into_iter()
        .partition(|(method, _)| DELETIONS.contains(method));
    expect(others, &present, |error| {
        matches!(error, AuthError::DiskFull { .. })
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
