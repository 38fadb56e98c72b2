//! Followed tables whose key, columns, notes or schema have changed: writes go on, and a boot
//! repairs the index.

use covara_diesel::search::{Cause, Followed};
use support::postgres::TestDb;

use super::search_follow::{PLAIN, follow, followed, found, run};
use super::search_roles::{leave, role};
use crate::suite::number;

#[test]
fn no_write_fails_after_changes_to_key_notes_and_rights() {
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
    assert!(follow(conn).is_created());
    assert!(!follow(conn).is_created());
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

#[test]
fn a_column_that_is_recreated_or_has_another_type_is_indexed_again() {
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
