//! Notes and triggers that somebody has changed, from which the library tells why an index stopped
//! following its table.

use std::cell::RefCell;

use covara_diesel::__fuzz as library;
use covara_diesel::search::{Cause, Followed, SearchAdapter, SearchQuery, Searchable, SqliteFts};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::Text;

use crate::choice;

diesel::table! {
    places (id) {
        id -> BigInt,
        name -> Text,
    }
}

#[derive(Searchable)]
#[diesel(table_name = places)]
struct Place {
    #[searchable(id)]
    id: i64,
    #[searchable(text)]
    name: String,
}

pub(crate) fn follow(data: &[u8]) {
    let (way, data) = choice(data);
    let text = String::from_utf8_lossy(data);
    match way % 5 {
        4 => function(&text),
        object => changed(usize::from(object), &text.replace('\0', "")),
    }
}

const OBJECTS: [&str; 4] = ["", "_insert", "_delete", "_update"];

fn connect() -> SqliteConnection {
    let mut conn = SqliteConnection::establish(":memory:").expect("memory");
    conn.batch_execute(
        "CREATE TABLE places (id BIGINT PRIMARY KEY NOT NULL, name TEXT NOT NULL);
         INSERT INTO places VALUES (1, 'Rome')",
    )
    .expect("a table");
    let followed = SqliteFts.follow::<_, Place>(&mut conn);
    assert_eq!(followed.expect("an index"), Followed::Created);
    // The library reads how the objects were made; SQLite keeps what it has read itself.
    conn.batch_execute("PRAGMA writable_schema = ON")
        .expect("a pragma");
    conn
}

#[derive(QueryableByName)]
struct Made {
    #[diesel(sql_type = Text)]
    sql: String,
}

/// Whatever an object was made with, it is found to be another one, and mended once.
fn changed(object: usize, text: &str) {
    thread_local! {
        static CONN: RefCell<SqliteConnection> = RefCell::new(connect());
    }
    CONN.with_borrow_mut(|conn| {
        let end = conn.transaction::<(), _, _>(|conn| {
            let name = format!("__covara_search_1_notes{}", OBJECTS[object]);
            let made = diesel::sql_query("SELECT sql FROM sqlite_master WHERE name = ?");
            let made: Made = made.bind::<Text, _>(&name).get_result(conn)?;
            let change = diesel::sql_query("UPDATE sqlite_master SET sql = ? WHERE name = ?");
            let change = change.bind::<Text, _>(text).bind::<Text, _>(&name);
            assert_eq!(change.execute(conn)?, 1, "{name}");
            let followed = SqliteFts.follow::<_, Place>(conn).expect("mended");
            if made.sql == text {
                assert_eq!(followed, Followed::Unchanged);
            } else {
                let cause = followed.cause().expect("another object");
                let is_notes = object == 0;
                assert!(
                    cause == Cause::Triggers
                        || is_notes && [Cause::Version, Cause::Columns].contains(&cause),
                    "{cause:?}"
                );
            }
            let again = SqliteFts.follow::<_, Place>(conn).expect("followed");
            assert_eq!(again, Followed::Unchanged);
            conn.batch_execute("INSERT INTO places VALUES (2, 'Oslo')")?;
            SqliteFts.follow::<_, Place>(conn).expect("followed");
            for word in ["rome", "oslo"] {
                let found = SqliteFts.search(conn, Place::INDEX, &SearchQuery::new(word));
                assert_eq!(found.expect("a search").total, 1, "{word}");
            }
            Err(Error::RollbackTransaction)
        });
        assert_eq!(end, Err(Error::RollbackTransaction));
    });
}

/// The cause is the first line in which a trigger function of PostgreSQL differs.
fn function(text: &str) {
    let wanted = body(["1", "2", "3"], "BEGIN END");
    // Any text, and one in its place.
    let _ = library::follow_cause(text, &wanted);
    let _ = library::follow_cause(&wanted, text);
    let mut parts = text.split(['\n', '\r']);
    let mut line = || parts.next().unwrap_or_default();
    let lines = [line(), line(), line()];
    let differ = |at: usize| lines[at] != ["1", "2", "3"][at];
    let expected = if differ(0) {
        Cause::Table
    } else if differ(1) {
        Cause::Partitions
    } else if differ(2) {
        Cause::Columns
    } else {
        Cause::Triggers
    };
    let rest: Vec<&str> = parts.collect();
    let found = library::follow_cause(&body(lines, &rest.join("\n")), &wanted);
    assert_eq!(found, expected);
}

fn body([table, parts, columns]: [&str; 3], rest: &str) -> String {
    let [title, version] = library::FUNCTION_HEAD;
    format!(
        "\n{title}\n{version}\n-- table {table}\n-- parts {parts}\n-- columns {columns}\n{rest}"
    )
}
