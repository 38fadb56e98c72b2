//! Settings of a database or a role that change how the server writes values and names.

use covara_diesel::search::{Filter, PostgresFts, SearchAdapter, SearchQuery, Searchable};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use serde::Serialize;
use support::postgres::TestDb;

use super::search_follow::run;

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
        price -> Double,
    }
}

#[derive(Serialize, Searchable)]
#[diesel(table_name = prices)]
struct Price {
    #[searchable(id)]
    id: f64,
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
    let all = &SearchQuery::default();
    run(
        conn,
        "CREATE TABLE prices (id FLOAT8 PRIMARY KEY, price FLOAT8 NOT NULL);
         INSERT INTO prices VALUES (0.3, 0.30000000000000004)",
    );
    PostgresFts.follow::<_, Price>(conn).unwrap();
    assert_eq!(prices(conn, all), ["0.3"]);
    let exact = SearchQuery::default().filter(Filter::is("price", 0.1 + 0.2));
    assert_eq!(prices(conn, &exact), ["0.3"]);

    // Moved to a key of the same text, and the first key used again.
    run(conn, "UPDATE prices SET id = 0.30000000000000004");
    assert_eq!(prices(conn, all), ["0.30000000000000004"]);
    run(conn, "INSERT INTO prices VALUES (0.3, 1)");
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
