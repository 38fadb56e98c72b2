//! Followed tables in what only PostgreSQL has: partitions, replication, dumps, many sessions.

use std::process::{Command, Stdio};

use covara_diesel::search::{
    Cause, Followed, PostgresFts, SearchAdapter, SearchQuery, SearchResult,
};
use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::prelude::*;
use support::places::Place;
use support::postgres::TestDb;

use crate::suite::number;

pub(super) const PLAIN: &str = "CREATE TABLE places (id INTEGER PRIMARY KEY, name TEXT NOT NULL)";
const PARTITIONED: &str = "
    CREATE TABLE places (id INTEGER PRIMARY KEY, name TEXT NOT NULL) PARTITION BY RANGE (id);
    CREATE TABLE places_1 PARTITION OF places FOR VALUES FROM (0) TO (100);
    CREATE TABLE places_2 (name TEXT NOT NULL, gone TEXT, id INTEGER NOT NULL);
    ALTER TABLE places_2 DROP COLUMN gone;
    ALTER TABLE places ATTACH PARTITION places_2 FOR VALUES FROM (100) TO (200)";

pub(super) fn followed(create: &str) -> (TestDb, PgConnection) {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(create).unwrap();
    assert_eq!(follow(&mut conn), Followed::Created);
    assert_eq!(follow(&mut conn), Followed::Unchanged);
    (db, conn)
}

pub(super) fn follow(conn: &mut PgConnection) -> Followed {
    PostgresFts.follow::<_, Place>(conn).unwrap()
}

pub(super) fn search(conn: &mut PgConnection, words: &str) -> SearchResult {
    let query = SearchQuery::new(words);
    PostgresFts.search(conn, "places", &query).unwrap()
}

pub(super) fn found(conn: &mut PgConnection, words: &str) -> Vec<String> {
    let hits = search(conn, words).hits.into_iter();
    let mut ids: Vec<String> = hits.map(|hit| hit.id).collect();
    ids.sort();
    ids
}

pub(super) fn run(conn: &mut PgConnection, sql: &str) {
    conn.batch_execute(sql).expect(sql);
}

#[test]
fn partitions_that_are_written_truncated_attached_and_detached_are_followed() {
    let (_db, mut conn) = followed(PARTITIONED);
    let conn = &mut conn;
    run(
        conn,
        "INSERT INTO places VALUES (1, 'one all'), (101, 'two all');
         INSERT INTO places_1 (id, name) VALUES (2, 'direct all')",
    );
    assert_eq!(found(conn, "all"), ["1", "101", "2"]);
    run(conn, "UPDATE places SET id = 150 WHERE id = 1");
    assert_eq!(found(conn, "one"), ["150"]);
    run(conn, "TRUNCATE places_2");
    assert_eq!(found(conn, "all"), ["2"]);

    // A new partition has the triggers on rows, which are its table's.
    run(
        conn,
        "CREATE TABLE places_3 PARTITION OF places FOR VALUES FROM (200) TO (300);
         INSERT INTO places_3 VALUES (201, 'three all')",
    );
    assert_eq!(found(conn, "all"), ["2", "201"]);
    assert_eq!(follow(conn), Followed::Mended(Cause::Partitions));
    run(conn, "TRUNCATE places_3");
    assert_eq!(found(conn, "all"), ["2"]);

    run(
        conn,
        "CREATE TABLE places_4 (id INTEGER NOT NULL, name TEXT NOT NULL);
         INSERT INTO places_4 VALUES (301, 'four all');
         ALTER TABLE places ATTACH PARTITION places_4 FOR VALUES FROM (300) TO (400)",
    );
    assert_eq!(follow(conn), Followed::Mended(Cause::Partitions));
    assert_eq!(found(conn, "all"), ["2", "301"]);

    run(conn, "ALTER TABLE places DETACH PARTITION places_4");
    assert_eq!(follow(conn), Followed::Mended(Cause::Partitions));
    assert_eq!(found(conn, "all"), ["2"]);
    run(
        conn,
        "UPDATE places_4 SET name = 'ghost all'; TRUNCATE places_4",
    );
    assert_eq!(found(conn, "all"), ["2"]);
    assert_eq!(follow(conn), Followed::Unchanged);

    // One partition's triggers, switched off and half on.
    for how in ["DISABLE TRIGGER ALL", "ENABLE TRIGGER ALL"] {
        run(conn, &format!("ALTER TABLE places_1 {how}"));
        assert_eq!(follow(conn), Followed::Mended(Cause::Triggers), "{how}");
    }
    run(conn, "TRUNCATE places");
    assert_eq!(found(conn, "all"), [""; 0]);
    assert!(PostgresFts.delete_index(conn, "places").unwrap());
    run(
        conn,
        "INSERT INTO places_1 VALUES (1, 'one'); TRUNCATE places",
    );
}

#[test]
fn tables_that_inherit_are_followed() {
    let (_db, mut conn) = followed(PLAIN);
    let conn = &mut conn;
    run(conn, "CREATE TABLE towns (mayor TEXT) INHERITS (places)");
    assert_eq!(follow(conn), Followed::Mended(Cause::Partitions));
    assert_eq!(follow(conn), Followed::Unchanged);
    run(conn, "INSERT INTO towns VALUES (1, 'Bergen', 'ada')");
    assert_eq!(found(conn, "bergen"), ["1"]);
    run(conn, "TRUNCATE ONLY towns");
    assert_eq!(found(conn, "bergen"), [""; 0]);
}

#[test]
fn a_truncated_table_is_emptied_in_the_index_whether_rows_come_back_or_not() {
    let (_db, mut conn) = followed(PLAIN);
    let conn = &mut conn;
    run(
        conn,
        "INSERT INTO places SELECT n, 'many' FROM generate_series(1, 25000) AS n",
    );
    PostgresFts.refresh(conn, "places").unwrap();
    run(
        conn,
        "BEGIN; TRUNCATE places; ROLLBACK; BEGIN; SAVEPOINT s; TRUNCATE places; ROLLBACK TO s; COMMIT",
    );
    assert_eq!(search(conn, "many").total, 25_000);
    run(
        conn,
        "TRUNCATE places; INSERT INTO places VALUES (7, 'many')",
    );
    PostgresFts.refresh(conn, "places").unwrap();
    assert_eq!(found(conn, "many"), ["7"]);
}

#[test]
fn writes_that_are_replicated_are_noted() {
    let (_db, mut conn) = followed(PLAIN);
    let conn = &mut conn;
    run(
        conn,
        "BEGIN; SET LOCAL session_replication_role = replica;
         INSERT INTO places VALUES (1, 'replicated'); COMMIT",
    );
    assert_eq!(found(conn, "replicated"), ["1"]);
    run(
        conn,
        "BEGIN; SET LOCAL session_replication_role = replica; TRUNCATE places; COMMIT",
    );
    assert_eq!(found(conn, "replicated"), [""; 0]);
}

/// Runs a program of PostgreSQL's, and returns what it wrote.
fn client(program: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    use std::io::Write;

    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect(program);
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}");
    output.stdout
}

#[test]
fn restored_rows_are_found() {
    let (from, mut conn) = followed(PLAIN);
    run(
        &mut conn,
        "INSERT INTO places SELECT n, 'restored' FROM generate_series(1, 50) AS n",
    );
    assert_eq!(search(&mut conn, "restored").total, 50);
    run(&mut conn, "UPDATE places SET name = 'noted' WHERE id = 1");
    let url = from.url();
    let only = ["--data-only", "-Fc", "-d", &url, "-t", "places", "-t"];
    let dump = client(
        "pg_dump",
        &[&only[..], &["__covara_search_1_notes"]].concat(),
        b"",
    );
    for disabled in [false, true] {
        let (db, mut conn) = followed(PLAIN);
        run(&mut conn, "INSERT INTO places VALUES (99, 'before')");
        if disabled {
            search(&mut conn, "before");
        }
        let url = db.url();
        let mut arguments = vec!["--data-only", "--exit-on-error", "-d", &url];
        arguments.extend(disabled.then_some("--disable-triggers"));
        client("pg_restore", &arguments, &dump);
        run(&mut conn, "INSERT INTO places VALUES (100, 'after')");
        if disabled {
            assert_eq!(follow(&mut conn), Followed::Mended(Cause::Triggers));
        }
        assert_eq!(search(&mut conn, "restored").total, 49);
        assert_eq!(found(&mut conn, "noted"), ["1"]);
        assert_eq!(found(&mut conn, "before"), ["99"]);
        assert_eq!(found(&mut conn, "after"), ["100"]);
    }
    // All of it, elsewhere.
    let dump = client("pg_dump", &["-Fc", "-d", &from.url()], b"");
    let db = TestDb::new();
    client("pg_restore", &["--exit-on-error", "-d", &db.url()], &dump);
    let mut conn = db.connect();
    run(&mut conn, "INSERT INTO places VALUES (100, 'after')");
    assert!(follow(&mut conn).cause().is_some());
    assert_eq!(follow(&mut conn), Followed::Unchanged);
    assert_eq!(search(&mut conn, "restored").total, 49);
    assert_eq!(found(&mut conn, "after"), ["100"]);
}

#[test]
fn a_search_never_waits_for_locks() {
    let (db, mut conn) = followed(PLAIN);
    let conn = &mut conn;
    run(conn, "INSERT INTO places VALUES (1, 'one')");
    assert_eq!(found(conn, "one"), ["1"]);
    // To wait would be an error.
    run(conn, "SET statement_timeout = '20s'");
    let mut other = db.connect_directly();
    let other = &mut other;
    for blocks in [
        // What a search in a transaction does.
        "UPDATE places SET name = 'two'",
        "SELECT FROM __covara_search_1 WHERE id = '1' FOR UPDATE",
        "SELECT FROM places FOR UPDATE",
        "LOCK TABLE places IN ACCESS EXCLUSIVE MODE",
    ] {
        run(conn, "INSERT INTO places VALUES (2, 'two')");
        run(conn, "UPDATE places SET name = 'one' WHERE id = 1");
        AnsiTransactionManager::begin_transaction(other).unwrap();
        run(other, blocks);
        if blocks.starts_with("UPDATE") {
            found(other, "two");
        }
        assert_eq!(search(conn, "one").total, 1, "{blocks}");
        conn.transaction(|conn| {
            assert_eq!(search(conn, "one").total, 1, "{blocks}");
            conn.batch_execute("SELECT 1")
        })
        .unwrap();
        assert_eq!(
            number(
                conn,
                "SELECT setting::bigint AS n FROM pg_settings WHERE name = 'lock_timeout'"
            ),
            0
        );
        AnsiTransactionManager::rollback_transaction(other).unwrap();
        assert_eq!(found(conn, "two"), ["2"], "{blocks}");
        run(conn, "DELETE FROM places WHERE id = 2");
    }
}

/// As at a first boot of many processes.
#[test]
fn concurrent_follows_all_succeed() {
    for _ in 0..6 {
        let db = TestDb::new();
        run(&mut db.connect(), PLAIN);
        run(&mut db.connect(), "INSERT INTO places VALUES (1, 'one')");
        let start = std::sync::Barrier::new(8);
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        let mut conn = db.connect();
                        start.wait();
                        PostgresFts.follow::<_, Place>(&mut conn)
                    })
                })
                .collect();
            for thread in threads {
                thread.join().expect("no panic").unwrap();
            }
        });
        assert_eq!(found(&mut db.connect(), "one"), ["1"]);
    }
}
