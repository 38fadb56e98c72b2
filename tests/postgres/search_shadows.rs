//! Tables that stand before the followed one in a connection's `search_path`.

use covara_diesel::search::{Cause, Followed, PostgresFts, SearchAdapter, SearchError};
use diesel::prelude::*;
use support::postgres::TestDb;

use super::search_owners::{PLACES, follow, found, run};
use crate::suite::number;

/// Each makes a table before `public.places`, with other rows.
const SHADOWS: [&str; 3] = [
    "CREATE TEMP TABLE places (id BIGINT PRIMARY KEY, name TEXT NOT NULL);
     INSERT INTO places VALUES (1, 'shadow'), (50, 'shadow')",
    "CREATE SCHEMA before; CREATE TABLE before.places (LIKE public.places INCLUDING ALL);
     INSERT INTO before.places VALUES (1, 'shadow'), (50, 'shadow');
     SET search_path = before, public",
    "CREATE SCHEMA \"it's \"\"before\"\"\"; SET search_path = \"it's \"\"before\"\"\", public;
     CREATE VIEW places AS SELECT CAST(1 AS bigint) AS id, CAST('shadow' AS text) AS name",
];

fn followed(shadow: &str) -> (TestDb, PgConnection, PgConnection) {
    let db = TestDb::new();
    let mut plain = db.connect_directly();
    run(&mut plain, PLACES);
    assert_eq!(follow(&mut plain).unwrap(), Followed::Created);
    run(&mut plain, "INSERT INTO places VALUES (1, 'one')");
    assert_eq!(found(&mut plain, "one"), ["1"]);
    let mut conn = db.connect_directly();
    run(&mut conn, shadow);
    (db, plain, conn)
}

#[test]
fn a_search_reads_rows_from_the_table_that_the_triggers_are_on() {
    for shadow in SHADOWS {
        let (_db, mut plain, mut conn) = followed(shadow);
        let (plain, conn) = (&mut plain, &mut conn);
        run(plain, "UPDATE places SET name = name");
        run(plain, "INSERT INTO places VALUES (2, 'two'), (3, 'two')");
        assert_eq!(found(conn, "one"), ["1"], "{shadow}");
        assert_eq!(found(conn, "two"), ["2", "3"], "{shadow}");
        run(plain, "DELETE FROM places WHERE id = 3");
        assert_eq!(PostgresFts.refresh(conn, "places").unwrap(), 1);
        assert_eq!(found(plain, "two"), ["2"], "{shadow}");
        // Documents without a row are looked for there, too.
        run(
            plain,
            "TRUNCATE places; INSERT INTO places VALUES (4, 'four')",
        );
        assert_eq!(PostgresFts.refresh(conn, "places").unwrap(), 1);
        assert_eq!(found(plain, "two"), [""; 0], "{shadow}");
        assert_eq!(PostgresFts.rebuild(conn, "places").unwrap(), 1);
        run(
            plain,
            "DROP TRIGGER __covara_search_1_notes_truncate ON places",
        );
        assert_eq!(PostgresFts.rebuild(conn, "places").unwrap(), 1);
        assert_eq!(follow(plain).unwrap(), Followed::Unchanged, "{shadow}");
        assert_eq!(found(plain, "four"), ["4"], "{shadow}");
        assert_eq!(found(plain, "shadow"), [""; 0], "{shadow}");
    }
}

#[test]
fn a_temporary_table_is_not_followed_in_the_place_of_another() {
    let [temporary, ..] = SHADOWS;
    let (db, mut plain, mut conn) = followed(temporary);
    let (plain, conn) = (&mut plain, &mut conn);
    assert_eq!(follow(conn).unwrap(), Followed::Unchanged);
    run(plain, "DROP TABLE places");
    let error = follow(conn).unwrap_err();
    assert!(matches!(error, SearchError::Database(_)));
    run(plain, PLACES);
    assert_eq!(follow(conn).unwrap(), Followed::Mended(Cause::Table));
    run(plain, "INSERT INTO places VALUES (5, 'five')");
    assert_eq!(found(conn, "five"), ["5"]);

    assert!(PostgresFts.delete_index(conn, "places").unwrap());
    assert_eq!(follow(conn).unwrap(), Followed::Created);
    assert_eq!(follow(&mut db.connect()).unwrap(), Followed::Unchanged);
    assert_eq!(found(plain, "five"), ["5"]);
    assert_eq!(number(conn, "SELECT count(*) AS n FROM places"), 2);
}

#[test]
fn follow_moves_to_the_table_that_is_now_first_in_the_path() {
    let [_, schema, _] = SHADOWS;
    let (_db, mut plain, mut conn) = followed(schema);
    let conn = &mut conn;
    assert_eq!(follow(conn).unwrap(), Followed::Mended(Cause::Table));
    assert_eq!(follow(conn).unwrap(), Followed::Unchanged);
    assert_eq!(found(conn, "shadow"), ["1", "50"]);
    run(&mut plain, "UPDATE public.places SET name = 'ghost'");
    assert_eq!(found(&mut plain, "ghost"), [""; 0]);
}

/// Notes that a table left, and the number that it had in a restored function.
#[test]
fn notes_wait_until_the_triggers_are_on_a_table() {
    let (_db, mut plain, mut conn) = followed("SELECT");
    let (plain, conn) = (&mut plain, &mut conn);
    for (damage, mends) in [
        (
            "DROP TRIGGER __covara_search_1_notes_row ON places",
            Cause::Triggers,
        ),
        ("DROP TABLE places", Cause::Table),
    ] {
        run(plain, "UPDATE places SET name = 'noted'");
        run(plain, damage);
        assert_eq!(found(conn, "one"), ["1"], "a search does not fail");
        let error = PostgresFts.refresh(conn, "places").unwrap_err();
        assert!(
            matches!(error, SearchError::FollowsNothing { .. }),
            "{damage}"
        );
        if mends == Cause::Table {
            run(plain, PLACES);
        }
        assert_eq!(follow(conn).unwrap(), Followed::Mended(mends), "{damage}");
        run(
            plain,
            "INSERT INTO places VALUES (1, 'one') ON CONFLICT (id) DO UPDATE SET name = 'one'",
        );
        assert_eq!(found(conn, "one"), ["1"], "{damage}");
    }
}
