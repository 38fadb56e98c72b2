//! Followed tables in what only PostgreSQL has: partitions, roles, replication, dumps.

use std::process::{Command, Stdio};

use covara_diesel::search::{
    Cause, Followed, PostgresFts, SearchAdapter, SearchQuery, SearchResult,
};
use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::prelude::*;
use support::places::Place;
use support::postgres::TestDb;

use crate::suite::number;

const PLAIN: &str = "CREATE TABLE places (id INTEGER PRIMARY KEY, name TEXT NOT NULL)";
const PARTITIONED: &str = "
    CREATE TABLE places (id INTEGER PRIMARY KEY, name TEXT NOT NULL) PARTITION BY RANGE (id);
    CREATE TABLE places_1 PARTITION OF places FOR VALUES FROM (0) TO (100);
    CREATE TABLE places_2 (name TEXT NOT NULL, gone TEXT, id INTEGER NOT NULL);
    ALTER TABLE places_2 DROP COLUMN gone;
    ALTER TABLE places ATTACH PARTITION places_2 FOR VALUES FROM (100) TO (200)";

fn followed(create: &str) -> (TestDb, PgConnection) {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(create).unwrap();
    assert_eq!(follow(&mut conn), Followed::Created);
    assert_eq!(follow(&mut conn), Followed::Unchanged);
    (db, conn)
}

fn follow(conn: &mut PgConnection) -> Followed {
    PostgresFts.follow::<_, Place>(conn).unwrap()
}

fn search(conn: &mut PgConnection, words: &str) -> SearchResult {
    let query = SearchQuery::new(words);
    PostgresFts.search(conn, "places", &query).unwrap()
}

fn found(conn: &mut PgConnection, words: &str) -> Vec<String> {
    let hits = search(conn, words).hits.into_iter();
    let mut ids: Vec<String> = hits.map(|hit| hit.id).collect();
    ids.sort();
    ids
}

fn run(conn: &mut PgConnection, sql: &str) {
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
fn no_write_fails_whatever_has_become_of_key_notes_and_rights() {
    for damage in [
        "ALTER TABLE places ALTER id TYPE BIGINT",
        "ALTER TABLE places ALTER id TYPE NUMERIC",
        "ALTER TABLE places RENAME id TO number; ALTER TABLE places ADD id BIGINT",
        "DROP TABLE __covara_search_1_notes",
        "ALTER TABLE __covara_search_1_notes RENAME TO moved",
        "ALTER TABLE __covara_search_1_notes RENAME TO moved;
         CREATE TABLE __covara_search_1_notes (other TEXT NOT NULL)",
        "REVOKE ALL ON __covara_search_1_notes FROM CURRENT_USER",
    ] {
        let (db, mut conn) = followed(PLAIN);
        let conn = &mut conn;
        // The superuser, who may do anything, must not be the owner.
        let role = role(conn, "owner");
        run(
            conn,
            &format!(
                "ALTER TABLE places OWNER TO {role}; ALTER TABLE __covara_search_1 OWNER TO {role};
                 ALTER TABLE __covara_search_1_notes OWNER TO {role};
                 ALTER FUNCTION __covara_search_1_notes_write() OWNER TO {role};"
            ),
        );
        let mut other = db.connect();
        run(&mut other, &format!("SET ROLE {role}"));
        run(&mut other, "INSERT INTO places VALUES (1, 'before')");
        run(&mut other, damage);
        run(
            &mut other,
            "INSERT INTO places VALUES (2, 'after'); UPDATE places SET name = 'changed' WHERE name = 'before'",
        );
        run(
            &mut other,
            "INSERT INTO places VALUES (3, 'third'), (4, 'fourth');
             DELETE FROM places WHERE name = 'fourth'",
        );
        run(&mut other, "TRUNCATE places");
        drop(other);
        leave(conn, &role);
    }
}

#[test]
fn no_write_fails_after_the_schema_was_renamed() {
    let db = TestDb::new();
    let mut conn = db.connect_directly();
    let conn = &mut conn;
    run(
        conn,
        &format!("CREATE SCHEMA \"100% a'b\"; SET search_path = \"100% a'b\"; {PLAIN}"),
    );
    assert_eq!(follow(conn), Followed::Created);
    run(conn, "INSERT INTO places VALUES (1, 'before')");
    assert_eq!(found(conn, "before"), ["1"]);
    for later in [
        "ALTER SCHEMA \"100% a'b\" RENAME TO moved",
        "CREATE SCHEMA other; ALTER TABLE moved.__covara_search_1_notes SET SCHEMA other",
    ] {
        run(conn, &format!("{later}; SET search_path = moved"));
        run(
            conn,
            "INSERT INTO places VALUES (2, 'after'); UPDATE places SET name = 'changed' WHERE id = 1;
             DELETE FROM places WHERE id = 2; TRUNCATE places; INSERT INTO places VALUES (1, 'before')",
        );
        assert_eq!(found(conn, "before"), ["1"], "a search does not fail");
        assert!(follow(conn).cause().is_some());
        assert_eq!(follow(conn), Followed::Unchanged);
        run(conn, "INSERT INTO places VALUES (3, 'third')");
        assert_eq!(found(conn, "third"), ["3"]);
        run(conn, "DELETE FROM places WHERE id = 3");
    }
    run(conn, "DROP SCHEMA other CASCADE; DROP SCHEMA moved CASCADE");
}

/// A role of this test's own, with no rights.
fn role(conn: &mut PgConnection, what: &str) -> String {
    let pid = std::process::id();
    let database = number(
        conn,
        "SELECT oid::bigint AS n FROM pg_database WHERE datname = current_database()",
    );
    let role = format!("{what}_{pid}_{database}");
    run(
        conn,
        &format!("CREATE ROLE {role}; GRANT ALL ON SCHEMA public TO {role}"),
    );
    role
}

fn leave(conn: &mut PgConnection, role: &str) {
    run(
        conn,
        &format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}"),
    );
}

#[test]
fn a_role_without_rights_gains_none_by_the_trigger_function() {
    let (db, mut conn) = followed(PLAIN);
    let conn = &mut conn;
    run(conn, "CREATE TABLE secrets (id INTEGER, name TEXT)");
    let role = role(conn, "hostile");
    let mut other = db.connect();
    let other = &mut other;
    run(other, &format!("SET ROLE {role}"));
    let function = "public.__covara_search_1_notes_write";
    let refused = |conn: &mut PgConnection, sql: &str| {
        let error = conn.batch_execute(sql).expect_err(sql).to_string();
        assert!(error.contains("permission denied"), "{sql}: {error}");
    };
    for table in ["TEMP TABLE mine", "TABLE mine"] {
        run(other, &format!("CREATE {table} (id INTEGER, name TEXT)"));
        refused(
            other,
            &format!(
                "CREATE TRIGGER forge AFTER INSERT ON mine FOR EACH ROW EXECUTE FUNCTION \
                 {function}('secrets (name) VALUES (''forged'') --')"
            ),
        );
        run(other, "DROP TABLE mine");
    }
    refused(other, &format!("SELECT {function}()"));
    refused(
        other,
        "INSERT INTO __covara_search_1_notes (key) VALUES (1)",
    );
    refused(other, "SELECT FROM __covara_search_1_notes");

    // Names that shadow what the function uses, in schemas that are looked in before others.
    run(
        conn,
        &format!(
            "GRANT INSERT, UPDATE, SELECT ON places TO {role}; GRANT CREATE ON DATABASE \
                  {} TO {role}",
            db.url().rsplit('/').next().unwrap()
        ),
    );
    run(
        other,
        "CREATE SCHEMA shadow;
         CREATE TABLE shadow.__covara_search_1_notes (key INTEGER, number BIGINT);
         CREATE TEMP TABLE __covara_search_1_notes (key INTEGER, number BIGINT);
         CREATE TEMP TABLE pg_attribute (attrelid OID, attname NAME, atttypid OID, attisdropped BOOL);
         CREATE FUNCTION shadow.has_table_privilege(OID, TEXT) RETURNS BOOL LANGUAGE plpgsql AS
             'BEGIN INSERT INTO public.secrets VALUES (1, current_user); RETURN true; END';
         CREATE FUNCTION shadow.pg_partition_root(OID) RETURNS REGCLASS LANGUAGE plpgsql AS
             'BEGIN INSERT INTO public.secrets VALUES (1, current_user); RETURN NULL; END';
         SET search_path = shadow, public, pg_catalog;
         INSERT INTO places VALUES (1, 'written'); UPDATE places SET name = 'again' WHERE id = 1",
    );
    assert_eq!(number(conn, "SELECT count(*) AS n FROM secrets"), 0);
    assert_eq!(
        number(
            conn,
            "SELECT count(*) AS n FROM shadow.__covara_search_1_notes"
        ),
        0
    );
    assert_eq!(found(conn, "again"), ["1"]);
    // Even somebody who may execute it gets nothing out of it.
    run(
        conn,
        &format!("GRANT EXECUTE ON FUNCTION {function}() TO {role}"),
    );
    run(
        other,
        &format!(
            "CREATE TABLE shadow.mine (id INTEGER, name TEXT);
             CREATE TRIGGER forge AFTER INSERT ON shadow.mine FOR EACH ROW EXECUTE FUNCTION
                 {function}('secrets (name) VALUES (''forged'') --');
             INSERT INTO shadow.mine VALUES (5, 'forged')"
        ),
    );
    assert_eq!(number(conn, "SELECT count(*) AS n FROM secrets"), 0);
    assert_eq!(
        number(conn, "SELECT count(*) AS n FROM __covara_search_1_notes"),
        0
    );
    run(other, "RESET ROLE");
    leave(conn, &role);
}

#[test]
fn a_role_that_may_only_select_goes_on_finding() {
    let (db, mut conn) = followed(PLAIN);
    let conn = &mut conn;
    run(conn, "INSERT INTO places VALUES (1, 'indexed')");
    assert_eq!(found(conn, "indexed"), ["1"]);
    let role = role(conn, "reader");
    let tables = [
        "__covara_search_indexes, __covara_search_1",
        "ALL TABLES IN SCHEMA public",
    ];
    for tables in tables {
        run(conn, "INSERT INTO places VALUES (2, 'indexed')");
        run(conn, &format!("GRANT SELECT ON {tables} TO {role}"));
        let mut other = db.connect();
        let other = &mut other;
        run(other, &format!("SET ROLE {role}"));
        assert_eq!(found(other, "indexed"), ["1"]);
        // A failed statement would spoil this.
        other
            .transaction(|conn| {
                assert_eq!(found(conn, "indexed"), ["1"]);
                conn.batch_execute("SELECT 1")
            })
            .unwrap();
        run(other, "RESET ROLE");
        run(conn, "DELETE FROM places WHERE id = 2");
    }
    // With a right too few for all of it.
    run(
        conn,
        &format!(
            "GRANT DELETE ON __covara_search_1_notes TO {role}; INSERT INTO places VALUES (3, 'indexed')"
        ),
    );
    let mut other = db.connect();
    run(&mut other, &format!("SET ROLE {role}"));
    other
        .transaction(|conn| {
            assert_eq!(found(conn, "indexed"), ["1"]);
            conn.batch_execute("SELECT 1")
        })
        .unwrap();
    drop(other);
    assert_eq!(found(conn, "indexed"), ["1", "3"]);
    leave(conn, &role);
}

#[test]
fn a_role_that_does_not_see_all_rows_removes_no_document() {
    let (db, mut conn) = followed(PLAIN);
    let conn = &mut conn;
    let role = role(conn, "tenant");
    run(
        conn,
        &format!(
            "GRANT ALL ON ALL TABLES IN SCHEMA public TO {role};
             INSERT INTO places VALUES (1, 'visible'), (2, 'hidden');
             ALTER TABLE places ENABLE ROW LEVEL SECURITY;
             CREATE POLICY own ON places USING (id = 1)"
        ),
    );
    assert_eq!(found(conn, "hidden"), ["2"]);
    run(conn, "UPDATE places SET name = name");
    let mut other = db.connect();
    run(&mut other, &format!("SET ROLE {role}"));
    assert_eq!(found(&mut other, "hidden"), ["2"]);
    drop(other);
    assert_eq!(found(conn, "hidden"), ["2"]);
    leave(conn, &role);
}

#[test]
fn a_search_waits_for_nobody() {
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

#[test]
fn a_column_that_is_dropped_and_added_again_or_has_another_type_is_another() {
    for (change, later) in [
        (
            "ALTER TABLE places DROP id; ALTER TABLE places ADD id INTEGER;
             ALTER TABLE places DISABLE TRIGGER ALL; UPDATE places SET id = 7;
             ALTER TABLE places ENABLE ALWAYS TRIGGER __covara_search_1_notes_row;
             ALTER TABLE places ENABLE ALWAYS TRIGGER __covara_search_1_notes_truncate",
            ("one", ["7"]),
        ),
        (
            "ALTER TABLE places DROP name; ALTER TABLE places ADD name TEXT DEFAULT 'new'",
            ("new", ["1"]),
        ),
        (
            "ALTER TABLE places ALTER name TYPE VARCHAR USING 'new'",
            ("new", ["1"]),
        ),
        (
            "ALTER TABLE places ALTER id TYPE BIGINT USING id + 7",
            ("one", ["8"]),
        ),
    ] {
        let (_db, mut conn) = followed(PLAIN);
        let conn = &mut conn;
        run(conn, "INSERT INTO places VALUES (1, 'one')");
        assert_eq!(found(conn, "one"), ["1"]);
        run(conn, change);
        assert_eq!(follow(conn), Followed::Mended(Cause::Columns), "{change}");
        assert_eq!(follow(conn), Followed::Unchanged, "{change}");
        let (words, ids) = later;
        assert_eq!(found(conn, words), ids, "{change}");
        assert_eq!(
            number(conn, "SELECT count(*) AS n FROM __covara_search_1"),
            1
        );
    }
}

/// As at a first boot of many processes.
#[test]
fn many_that_follow_at_once_all_succeed() {
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

/// Its rows cannot be indexed by a role that may not read them: it finds what is indexed.
#[test]
fn a_search_by_a_role_without_rights_on_the_schema_spoils_no_transaction() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let conn = &mut conn;
    run(conn, "CREATE SCHEMA app");
    run(conn, "SET search_path = public, app");
    run(conn, &PLAIN.replace("places", "app.places"));
    run(conn, "INSERT INTO app.places VALUES (1, 'one')");
    assert_eq!(follow(conn), Followed::Created);
    let role = role(conn, "reader");
    run(
        conn,
        &format!("GRANT SELECT, DELETE, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO {role}"),
    );
    run(conn, "INSERT INTO app.places VALUES (2, 'two')");
    run(conn, &format!("SET ROLE {role}"));
    conn.transaction(|conn| {
        assert_eq!(found(conn, "one"), ["1"]);
        assert_eq!(found(conn, "two"), [""; 0]);
        assert_eq!(
            number(conn, "SELECT count(*) AS n FROM __covara_search_1"),
            1
        );
        QueryResult::Ok(())
    })
    .unwrap();
    run(conn, "RESET ROLE");
    assert_eq!(found(conn, "two"), ["2"]);
    run(conn, &format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}
