//! Settings of a database or a role that change how the server writes values and names.

use covara_diesel::auth::{Purpose, VerificationTokenStore};
use covara_diesel::changes::{Capture, ChangeLog};
use covara_diesel::dump::Dump;
use covara_diesel::fixture::FixtureSource;
use covara_diesel::search::{
    Filter, Followed, PostgresFts, SearchAdapter, SearchQuery, Searchable,
};
use covara_diesel::{Seed, auto_migrate, write_transaction};
use diesel::prelude::*;
use diesel::sql_types::Text;
use serde::Serialize;
use support::places;
use support::postgres::TestDb;

use super::auth::beside;
use super::search_follow::{PLAIN, follow, found, run};
use crate::suite::number;

/// A database whose sessions begin with a setting.
fn with_setting(setting: &str) -> (TestDb, PgConnection) {
    let db = TestDb::new();
    run(
        &mut db.connect_directly(),
        &format!(
            "DO $$ BEGIN
                 EXECUTE format('ALTER DATABASE %I SET {setting}', current_database());
             END $$"
        ),
    );
    let conn = db.connect_directly();
    (db, conn)
}

#[derive(QueryableByName)]
struct Setting {
    #[diesel(sql_type = Text)]
    value: String,
}

fn current(conn: &mut PgConnection, name: &str) -> String {
    let query = format!("SELECT current_setting('{name}') AS value");
    diesel::sql_query(query)
        .get_result::<Setting>(conn)
        .unwrap()
        .value
}

diesel::table! {
    prices (id) {
        id -> Double,
        name -> Text,
        price -> Double,
    }
}

#[derive(Serialize, Searchable)]
#[diesel(table_name = prices)]
struct Price {
    #[searchable(id)]
    id: f64,
    #[searchable(text)]
    name: String,
    #[searchable(float)]
    price: f64,
}

fn prices(conn: &mut PgConnection, query: &SearchQuery) -> Vec<String> {
    let found = PostgresFts.search(conn, "prices", query).unwrap();
    let mut ids: Vec<String> = found.hits.into_iter().map(|hit| hit.id).collect();
    ids.sort();
    ids
}

#[test]
fn floats_of_followed_rows_have_all_digits_whatever_sessions_write() {
    let (db, mut conn) = with_setting("extra_float_digits = -3");
    let conn = &mut conn;
    let all = &SearchQuery::new("row");
    run(
        conn,
        "CREATE TABLE prices (id FLOAT8 PRIMARY KEY, name TEXT, price FLOAT8 NOT NULL);
         INSERT INTO prices VALUES (0.3, 'row', 0.30000000000000004)",
    );
    PostgresFts.follow::<_, Price>(conn).unwrap();
    assert_eq!(prices(conn, all), ["0.3"]);
    let exact = SearchQuery::new("row").filter(Filter::is("price", 0.1 + 0.2));
    assert_eq!(prices(conn, &exact), ["0.3"]);

    // Moved to a key of the same text, and the first key used again.
    run(conn, "UPDATE prices SET id = 0.30000000000000004");
    assert_eq!(prices(conn, all), ["0.30000000000000004"]);
    run(conn, "INSERT INTO prices VALUES (0.3, 'row', 1)");
    assert_eq!(prices(conn, all), ["0.3", "0.30000000000000004"]);
    run(conn, "DELETE FROM prices WHERE id = 0.3");
    assert_eq!(prices(conn, all), ["0.30000000000000004"]);

    // Documents without a row are found, and those with one are not.
    assert_eq!(PostgresFts.rebuild(conn, "prices").unwrap(), 1);
    assert_eq!(prices(conn, all), ["0.30000000000000004"]);

    // The caller's transaction goes on with its own setting, and so does a session.
    conn.transaction::<_, diesel::result::Error, _>(|conn| {
        for (key, search) in [("0.6", true), ("0.7", false)] {
            run(conn, &format!("UPDATE prices SET id = {key}"));
            if search {
                assert_eq!(prices(conn, all), [key]);
            } else {
                PostgresFts.refresh(conn, "prices").unwrap();
            }
            assert_eq!(current(conn, "extra_float_digits"), "-3");
        }
        Ok(())
    })
    .unwrap();
    assert_eq!(current(conn, "extra_float_digits"), "-3");
    assert_eq!(prices(&mut db.connect_directly(), all), ["0.7"]);
}

const ROWS: &str = "id,name,data,label,day,at,mood\n\
    00000000-0000-0000-0000-00000000000a,one,\\x00ff,x,2026-01-31,2026-01-31T12:00:00Z,ok\n";

#[test]
fn a_server_that_quotes_all_names_is_understood() {
    let (db, mut conn) = with_setting("quote_all_identifiers = on");
    let conn = &mut conn;
    let plain = &mut db.connect_directly();
    run(plain, "SET quote_all_identifiers = off");
    run(conn, PLAIN);
    let log = || ChangeLog::new().table::<places::places::table>(Capture::Rows);

    assert_eq!(auto_migrate(conn).unwrap().applied.len(), 4);
    assert_eq!(follow(conn), Followed::Created);
    assert_eq!(log().install(conn).unwrap().added, ["places"]);
    for _ in 0..2 {
        for conn in [&mut *conn, &mut *plain] {
            assert!(auto_migrate(conn).unwrap().applied.is_empty());
            assert_eq!(follow(conn), Followed::Unchanged);
            assert_eq!(log().install(conn).unwrap(), Default::default());
        }
    }
    run(conn, "INSERT INTO places VALUES (1, 'one')");
    assert_eq!(found(conn, "one"), ["1"]);

    run(
        conn,
        "CREATE TYPE mood AS ENUM ('ok', 'so \"so\"');
         CREATE TABLE typed (id UUID PRIMARY KEY, name TEXT, data BYTEA, label VARCHAR(9),
             day DATE, at TIMESTAMPTZ, mood mood)",
    );
    let seed = Seed::new().fixture("typed", FixtureSource::reader("typed.csv", ROWS.as_bytes()));
    assert_eq!(seed.run(conn).unwrap().inserted(), 1);
    let [quoting, not] = [conn, plain].map(|conn| {
        let mut csv = Vec::new();
        Dump::new().table_to(conn, "typed", &mut csv).unwrap();
        String::from_utf8(csv).unwrap()
    });
    assert_eq!(quoting, not);
}

#[test]
fn the_order_of_a_trigger_functions_settings_makes_no_difference() {
    let db = TestDb::new();
    let conn = &mut db.connect_directly();
    run(conn, PLAIN);
    let log = ChangeLog::new().table::<places::places::table>(Capture::Rows);
    assert_eq!(follow(conn), Followed::Created);
    log.install(conn).unwrap();
    let reordered = "DO $$ DECLARE f text; BEGIN
             FOR f IN SELECT CAST(oid AS regprocedure) FROM pg_proc
                 WHERE proconfig IS NOT NULL
                     AND pronamespace = CAST(current_schema() AS regnamespace)
             LOOP
                 EXECUTE format('ALTER FUNCTION %s RESET search_path', f);
                 EXECUTE format('ALTER FUNCTION %s SET search_path = pg_catalog, pg_temp', f);
             END LOOP;
         END $$";
    run(conn, reordered);
    assert_eq!(follow(conn), Followed::Unchanged);
    assert_eq!(log.install(conn).unwrap(), Default::default());

    // One setting more, or another one, is not what the library has made.
    let changed = reordered.replace("pg_temp", "pg_temp, public");
    run(conn, &changed);
    assert!(matches!(follow(conn), Followed::Mended(_)));
    assert_eq!(log.install(conn).unwrap().mended, ["places"]);
}

/// Levels that a role or database may have by default, at which statements do not see what others
/// commit while they wait.
const STRICT: [&str; 2] = ["repeatable read", "serializable"];

fn be_strict(conn: &mut PgConnection, isolation: &str) {
    run(
        conn,
        &format!("SET default_transaction_isolation = '{isolation}'"),
    );
}

#[test]
fn deletions_see_what_they_waited_for_whatever_the_default_isolation() {
    let tokens = VerificationTokenStore::new;
    for isolation in STRICT {
        let db = TestDb::new();
        auto_migrate(&mut db.connect()).unwrap();
        let (_, deleted) = beside(
            &db,
            |conn| tokens().issue(conn, "ada", Purpose::MagicLink).unwrap(),
            move |conn| {
                be_strict(conn, isolation);
                tokens().delete_for_identifier(conn, "ada").unwrap()
            },
        );
        assert_eq!(deleted, 1, "{isolation}");
    }
}

#[test]
fn seeds_skip_the_rows_that_they_waited_for_whatever_the_default_isolation() {
    let rows = "id,name\n1,one\n2,two\n";
    for isolation in STRICT {
        let db = TestDb::new();
        run(&mut db.connect(), PLAIN);
        run(&mut db.connect(), "INSERT INTO places VALUES (3, 'three')");
        let (_, seeded) = beside(
            &db,
            |conn| run(conn, "INSERT INTO places VALUES (1, 'one')"),
            move |conn| {
                be_strict(conn, isolation);
                let source = FixtureSource::reader("places.csv", rows.as_bytes());
                Seed::new().fixture("places", source).run(conn)
            },
        );
        let seeded = seeded.unwrap();
        assert_eq!((seeded.inserted(), seeded.skipped()), (1, 1), "{isolation}");
    }
}

/// The transaction is the caller's, unlike those of the library.
#[test]
fn a_write_transaction_has_the_default_isolation() {
    let db = TestDb::new();
    let conn = &mut db.connect();
    be_strict(conn, "serializable");
    let isolation = write_transaction(conn, |conn| {
        QueryResult::Ok(current(conn, "transaction_isolation"))
    });
    assert_eq!(isolation.unwrap(), "serializable");
}

/// In each of these forms a text is another one than in the server's own settings.
const HOSTILE: &str = "SET extra_float_digits = -3; SET bytea_output = 'escape';
    SET DateStyle = 'SQL, DMY'; SET IntervalStyle = 'sql_standard';
    SET quote_all_identifiers = on";

#[test]
fn rows_are_found_by_another_column_whatever_a_session_writes() {
    let db = TestDb::new();
    let conn = &mut db.connect_directly();
    run(conn, HOSTILE);
    for (sql_type, key) in [
        ("FLOAT8", "0.30000000000000004"),
        ("BYTEA", "'\\x6465616462656566'"),
        ("TIMESTAMPTZ", "'2026-02-01T00:00:00Z'"),
        ("TSTZRANGE", "'[2026-02-01, 2026-03-04)'"),
        ("INTERVAL", "'-1 day 2 hours'"),
        ("NUMERIC", "12.50"),
    ] {
        run(
            conn,
            &format!(
                "CREATE TABLE parents (id {sql_type} PRIMARY KEY, code TEXT UNIQUE);
                 CREATE TABLE children (id INTEGER PRIMARY KEY, parent {sql_type} REFERENCES parents);
                 INSERT INTO parents VALUES ({key}, 'a')"
            ),
        );
        let rows = "id,parent@parents.code\n1,a\n".as_bytes();
        let seed = Seed::new().fixture("children", FixtureSource::reader("children.csv", rows));
        let seeded = seed.run(conn);
        assert!(
            matches!(&seeded, Ok(done) if done.inserted() == 1),
            "{sql_type}: {seeded:?}"
        );
        let same = "SELECT count(*) AS n FROM children JOIN parents ON parent = parents.id";
        assert_eq!(number(conn, same), 1, "{sql_type}");
        run(conn, "DROP TABLE children, parents");
    }
    assert_eq!(current(conn, "bytea_output"), "escape");
}
