//! Settings of a database or a role that change how the server writes values and names.

use covara_diesel::changes::{Capture, ChangeLog};
use covara_diesel::dump::Dump;
use covara_diesel::fixture::FixtureSource;
use covara_diesel::search::{
    Filter, Followed, PostgresFts, SearchAdapter, SearchQuery, Searchable,
};
use covara_diesel::{Seed, auto_migrate};
use diesel::prelude::*;
use diesel::sql_types::Text;
use serde::Serialize;
use support::places;
use support::postgres::TestDb;

use super::search_follow::{PLAIN, follow, found, run};

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
