//! The schema of a search index's tables, and the look for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use covara_diesel::auto_migrate;
use covara_diesel::search::{Followed, PostgresFts, SearchAdapter};
use diesel::connection::{InstrumentationEvent, SimpleConnection};
use diesel::prelude::*;
use support::postgres::TestDb;

use super::owners::Roles;
use super::search_owners::{PLACES, fields, follow, found, run};
use crate::suite::number;

#[test]
fn a_boot_in_a_transaction_leaves_it_usable_if_an_index_is_damaged() {
    for damage in [
        "DROP TABLE __covara_search_indexes",
        "DROP TABLE __covara_search_1",
        "DROP TABLE __covara_search_1_notes",
        "DROP TABLE places",
        "UPDATE __covara_search_indexes SET definition = 'nothing'",
        "ALTER TABLE __covara_search_indexes DROP COLUMN definition",
        "ALTER TABLE places RENAME id TO number",
    ] {
        let mut roles = Roles::new();
        roles.be_app();
        let conn = &mut roles.conn;
        auto_migrate(conn).unwrap();
        run(conn, PLACES);
        follow(conn).unwrap();
        run(
            conn,
            &format!(
                "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO PUBLIC; {damage};
                 CREATE TABLE kept (id BIGINT)"
            ),
        );
        conn.transaction(|conn| {
            conn.batch_execute("INSERT INTO kept VALUES (1)")?;
            auto_migrate(conn).expect(damage);
            conn.batch_execute("INSERT INTO kept VALUES (2)")
        })
        .expect(damage);
        run(conn, "BEGIN; INSERT INTO kept VALUES (3)");
        auto_migrate(conn).expect(damage);
        run(conn, "INSERT INTO kept VALUES (4); COMMIT");
        assert_eq!(
            number(conn, "SELECT count(*) AS n FROM kept"),
            4,
            "{damage}"
        );
    }
}

#[test]
fn an_index_of_ones_own_is_mended_at_boot() {
    for way in [
        "GRANT EXECUTE ON FUNCTION __covara_search_1_notes_write() TO PUBLIC",
        // As the function was before it looked for its notes by name.
        "DO $do$ BEGIN EXECUTE (SELECT replace(pg_get_functiondef(
             'public.__covara_search_1_notes_write()'::regprocedure), '-- version', '-- old'));
         END $do$",
    ] {
        let mut roles = Roles::new();
        roles.be_app();
        let conn = &mut roles.conn;
        auto_migrate(conn).unwrap();
        run(conn, PLACES);
        follow(conn).unwrap();
        run(conn, way);
        auto_migrate(conn).unwrap();
        assert_eq!(follow(conn).unwrap(), Followed::Unchanged, "{way}");
        run(conn, "INSERT INTO places VALUES (1, 'one')");
        assert_eq!(found(conn, "one"), ["1"]);
    }
}

/// An earlier version made the tables of an index in the first schema of the path, and its
/// entry where the catalogue was.
#[test]
fn tables_in_another_schema_than_their_catalogue_are_found() {
    let db = TestDb::new();
    let mut conn = db.connect_directly();
    let conn = &mut conn;
    run(conn, PLACES);
    follow(conn).unwrap();
    run(conn, "INSERT INTO places VALUES (1, 'one')");
    assert_eq!(found(conn, "one"), ["1"]);
    run(
        conn,
        "CREATE SCHEMA app; SET search_path = app, public;
         ALTER TABLE __covara_search_1 SET SCHEMA app;
         ALTER TABLE __covara_search_1_notes SET SCHEMA app;
         ALTER FUNCTION __covara_search_1_notes_write() SET SCHEMA app",
    );
    assert_eq!(found(conn, "one"), ["1"]);
    assert!(follow(conn).unwrap().cause().is_some());
    assert_eq!(follow(conn).unwrap(), Followed::Unchanged);
    run(conn, "UPDATE places SET name = 'two'");
    assert_eq!(found(conn, "two"), ["1"]);
    assert!(PostgresFts.delete_index(conn, "places").unwrap());
    run(conn, "UPDATE places SET name = 'three'; DROP SCHEMA app");
}

#[test]
fn an_index_is_looked_up_by_one_query_also_in_a_transaction() {
    let db = TestDb::new();
    let mut conn = db.connect_directly();
    let conn = &mut conn;
    let queries = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&queries);
    let asked = |conn: &mut PgConnection, exists: bool| {
        queries.store(0, Ordering::Relaxed);
        assert_eq!(PostgresFts.index_exists(conn, "places").unwrap(), exists);
        assert_eq!(queries.load(Ordering::Relaxed), 1);
    };
    conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { .. } = event {
            seen.fetch_add(1, Ordering::Relaxed);
        }
    });
    asked(conn, false);
    conn.test_transaction::<_, diesel::result::Error, _>(|conn| {
        asked(conn, false);
        Ok(())
    });
    PostgresFts.create_index(conn, "places", &fields()).unwrap();
    asked(conn, true);
    conn.test_transaction::<_, diesel::result::Error, _>(|conn| {
        asked(conn, true);
        Ok(())
    });
}
