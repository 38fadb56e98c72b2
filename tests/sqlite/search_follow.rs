//! Followed tables in what only files have: writers to wait for, and dumps.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use covara_diesel::search::{
    Cause, Field, Followed, IndexDefinition, SearchAdapter, SearchQuery, SqliteFts,
};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use support::places::Place;
use support::sqlite::TestDb;

use crate::backend::lock_wait;

fn followed() -> (TestDb, SqliteConnection) {
    let db = TestDb::new();
    let mut conn = db.connect();
    run(
        &mut conn,
        "CREATE TABLE places (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
         INSERT INTO places VALUES (1, 'one')",
    );
    assert_eq!(follow(&mut conn), Followed::Created);
    (db, conn)
}

fn follow(conn: &mut SqliteConnection) -> Followed {
    SqliteFts.follow::<_, Place>(conn).unwrap()
}

fn found(conn: &mut SqliteConnection, words: &str) -> Vec<String> {
    let query = SearchQuery::new(words);
    let found = SqliteFts.search(conn, "places", &query).unwrap();
    let mut ids: Vec<String> = found.hits.into_iter().map(|hit| hit.id).collect();
    ids.sort();
    ids
}

fn run(conn: &mut SqliteConnection, sql: &str) {
    conn.batch_execute(sql).expect(sql);
}

#[test]
fn a_search_does_not_wait_for_a_writer() {
    let (db, mut conn) = followed();
    let conn = &mut conn;
    run(
        conn,
        "PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 600000",
    );
    let mut other = db.connect();
    run(&mut other, "INSERT INTO places VALUES (2, 'two')");
    run(
        &mut other,
        "BEGIN IMMEDIATE; INSERT INTO places VALUES (3, 'two')",
    );
    let begun = Instant::now();
    assert_eq!(found(conn, "one"), ["1"]);
    assert_eq!(found(conn, "two"), [""; 0]);
    conn.transaction(|conn| {
        assert_eq!(found(conn, "one"), ["1"]);
        QueryResult::Ok(())
    })
    .unwrap();
    // Far below the ten minutes that it would wait.
    assert!(begun.elapsed() < Duration::from_secs(60));
    assert_eq!(lock_wait(conn), "600000");
    run(&mut other, "COMMIT");
    assert_eq!(found(conn, "two"), ["2", "3"]);
    assert_eq!(lock_wait(conn), "600000");
}

/// Runs SQLite's own command on a file, and returns what it wrote.
fn sqlite3(file: &str, input: &str) -> String {
    let mut child = Command::new("sqlite3")
        .args(["-bail", file])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("sqlite3");
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{input}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_table_that_is_restored_from_a_dump_with_its_triggers_is_noticed() {
    let (db, mut conn) = followed();
    let triggers = ["insert", "update", "delete"];
    let triggers = triggers.map(|event| format!("__covara_search_1_notes_{event}"));
    let dump = sqlite3(&db.url(), &format!(".dump places {}\n", triggers.join(" ")));
    assert!(dump.contains("CREATE TRIGGER"), "{dump}");
    run(&mut conn, "UPDATE places SET name = 'changed'");
    assert_eq!(found(&mut conn, "changed"), ["1"]);
    run(&mut conn, "DROP TABLE places");
    sqlite3(&db.url(), &dump);
    assert_eq!(follow(&mut conn), Followed::Mended(Cause::Table));
    assert_eq!(found(&mut conn, "one"), ["1"]);
    assert_eq!(found(&mut conn, "changed"), [""; 0]);
}

#[test]
fn a_database_that_is_restored_or_vacuumed_goes_on_as_it_was() {
    let (db, mut conn) = followed();
    run(&mut conn, "INSERT INTO places VALUES (2, 'two')");
    let dump = sqlite3(&db.url(), ".dump\n");
    let other = TestDb::new();
    sqlite3(&other.url(), &dump);
    let mut conn = other.connect();
    for _ in 0..2 {
        assert_eq!(follow(&mut conn), Followed::Unchanged);
        assert_eq!(found(&mut conn, "one"), ["1"]);
        assert_eq!(found(&mut conn, "two"), ["2"]);
        run(&mut conn, "VACUUM");
    }
    run(&mut conn, "INSERT INTO places VALUES (3, 'three')");
    assert_eq!(found(&mut conn, "three"), ["3"]);
}

#[test]
fn conflict_clauses_of_the_application_do_not_change_notes() {
    let (_db, mut conn) = followed();
    let conn = &mut conn;
    run(
        conn,
        "INSERT OR REPLACE INTO places VALUES (1, 'replaced'); INSERT OR IGNORE INTO places VALUES (1, 'ignored');
         REPLACE INTO places VALUES (1, 'last'); UPDATE OR FAIL places SET id = 4;
         UPDATE OR ROLLBACK places SET name = name || ' of all'; INSERT OR ABORT INTO places VALUES (5, 'fifth')",
    );
    assert_eq!(found(conn, "last all"), ["4"]);
    assert_eq!(found(conn, "fifth"), ["5"]);
}

/// Makes tables that stand before those of the file of the same name, in this connection.
const SHADOWS: &str = "
    CREATE TEMP TABLE places (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
    INSERT INTO temp.places VALUES (1, 'shadow'), (50, 'shadow');
    CREATE TEMP TABLE __covara_search_indexes (number, name, definition, ready, reindexed);
    CREATE TEMP TABLE __covara_search_1 (key, id, version, source);
    CREATE TEMP TABLE __covara_search_1_notes (id, key, number);
    CREATE TEMP TABLE __covara_search_1_words (rowid, rank)";

#[test]
fn temporary_tables_do_not_stand_in_for_the_followed_table_and_the_indexs() {
    let (db, mut conn) = followed();
    run(&mut conn, SHADOWS);
    let conn = &mut conn;
    run(
        conn,
        "INSERT INTO main.places VALUES (2, 'two'), (3, 'two')",
    );
    assert_eq!(found(conn, "one"), ["1"]);
    assert_eq!(found(conn, "two"), ["2", "3"]);
    run(conn, "DELETE FROM main.places WHERE id = 3");
    assert_eq!(SqliteFts.refresh(conn, "places").unwrap(), 1);
    assert_eq!(found(conn, "two"), ["2"]);
    assert_eq!(follow(conn), Followed::Unchanged);
    assert_eq!(SqliteFts.rebuild(conn, "places").unwrap(), 2);
    run(conn, "DROP TRIGGER main.__covara_search_1_notes_insert");
    assert_eq!(follow(conn), Followed::Mended(Cause::Triggers));
    assert_eq!(follow(conn), Followed::Unchanged);
    assert_eq!(found(conn, "shadow"), [""; 0]);
    let other = &mut db.connect();
    run(other, "INSERT INTO places VALUES (4, 'four')");
    assert_eq!(found(other, "one"), ["1"]);
    assert_eq!(found(conn, "four"), ["4"]);

    // Documents by hand, more fields than there was room for, and the end of the index.
    let stray = serde_json::json!({"name": "stray"});
    SqliteFts.index(conn, "places", "70", &stray).unwrap();
    assert_eq!(found(other, "stray"), ["70"]);
    let more = (0..9).fold(IndexDefinition::new(), |more, n| {
        more.field(format!("more{n}"), Field::text())
    });
    SqliteFts.add_fields(conn, "places", &more).unwrap();
    assert_eq!(found(other, "stray"), ["70"]);
    assert!(SqliteFts.delete(conn, "places", "70").unwrap());
    assert_eq!(SqliteFts.find(other, "places", "70").unwrap(), None);
    assert!(SqliteFts.delete_index(conn, "places").unwrap());
    assert!(!SqliteFts.index_exists(other, "places").unwrap());
    assert_eq!(follow(conn), Followed::Created);
    assert_eq!(found(other, "four"), ["4"]);
    let left = "SELECT count(*) AS n FROM temp.places";
    assert_eq!(crate::suite::number(conn, left), 2);
}

/// As it was before notes had the key's text.
#[test]
fn notes_by_the_key_alone_are_of_an_earlier_version() {
    for boot in [false, true] {
        let (_db, mut conn) = followed();
        let conn = &mut conn;
        run(
            conn,
            "DROP TABLE __covara_search_1_notes;
             CREATE TABLE __covara_search_1_notes
                 (id INTEGER PRIMARY KEY, key UNIQUE, number INTEGER NOT NULL);
             DROP TRIGGER __covara_search_1_notes_insert;
             CREATE TRIGGER __covara_search_1_notes_insert AFTER INSERT ON `places` BEGIN
                 INSERT INTO __covara_search_1_notes (key, number) SELECT NEW.`id`, 1
                 WHERE NEW.`id` IS NOT NULL ON CONFLICT (key) DO UPDATE SET number = 2; END;
             INSERT INTO places VALUES (2, 'two')",
        );
        if boot {
            covara_diesel::auto_migrate(conn).unwrap();
            assert_eq!(follow(conn), Followed::Unchanged);
        } else {
            assert_eq!(follow(conn), Followed::Mended(Cause::Version));
        }
        assert_eq!(found(conn, "two"), ["2"]);
    }
}
