//! A server whose messages are not English: whatever is done is right, and what is read from words
//! only is of the kind `Other`, with the server's words.

use std::error::Error as _;

use covara_diesel::auth::{AuthError, NewSession, SessionStore};
use covara_diesel::fixture::FixtureSource;
use covara_diesel::{ErrorKind, OnConflict, Seed, SeedError, Seedable, auto_migrate};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use support::own_postgres::PostgresServer;

use crate::suite::{chain, count};

diesel::table! {
    items (id) {
        id -> BigInt,
        name -> Nullable<Text>,
        parent -> Nullable<BigInt>,
        size -> Integer,
    }
}

#[derive(Clone, Copy, Seedable)]
#[diesel(table_name = items)]
struct Item {
    id: i64,
    name: Option<&'static str>,
    parent: Option<i64>,
    size: i32,
}

const CREATE: &str = "CREATE TABLE items (id BIGINT PRIMARY KEY, name TEXT NOT NULL UNIQUE,
    parent BIGINT REFERENCES items, size INTEGER NOT NULL CHECK (size > 0), address INET)";

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

fn item(id: i64) -> Item {
    let name = usize::try_from(id).ok().and_then(|id| NAMES.get(id));
    Item {
        id,
        name: name.copied(),
        parent: None,
        size: 1,
    }
}

#[test]
fn a_server_that_speaks_german_loses_nothing_and_blames_the_right_row() {
    let server = PostgresServer::start_speaking("de");
    let connect = || PgConnection::establish(&server.url()).unwrap();
    let mut conn = connect();
    let error = conn.batch_execute("SELECT 1 / 0").unwrap_err();
    assert_eq!(
        error.to_string(),
        "Division durch Null",
        "PostgreSQL's translations are missing"
    );
    assert!(!auto_migrate(&mut conn).unwrap().applied.is_empty());
    assert!(auto_migrate(&mut conn).unwrap().applied.is_empty());
    conn.batch_execute(CREATE).unwrap();

    // A row that a constraint refuses.
    let bad = [
        (
            Item {
                name: None,
                ..item(2)
            },
            "Not-Null-Constraint",
        ),
        (Item { size: 0, ..item(2) }, "Check-Constraint"),
        (
            Item {
                parent: Some(404),
                ..item(2)
            },
            "Fremdschlüssel-Constraint",
        ),
    ];
    for (bad, words) in bad {
        for (rows, at) in [(vec![item(1), bad, item(3)], 2), (vec![bad], 1)] {
            let error = Item::seed(&mut conn, &rows).unwrap_err();
            let is_of_row = matches!(&error, SeedError::Row { row, .. } if *row == at);
            assert!(is_of_row && chain(&error).contains(words), "{error:?}");
            assert_eq!(count(&mut conn, "items"), 0);
        }
    }
    let file = FixtureSource::reader(
        "items.csv",
        std::io::Cursor::new("id,name,parent,size,address\n1,a,,1,::1\n2,b,,1,::x\n"),
    );
    let error = Seed::new().fixture("items", file).run(&mut conn);
    let text = chain(&error.unwrap_err());
    assert!(text.contains("(items.csv, line 3)"), "{text}");
    assert!(text.contains("ungültige Eingabesyntax"), "{text}");

    // Conflicts.
    let rows = [item(1), item(2), item(1), item(3)];
    assert_eq!(Item::seed(&mut conn, &rows).unwrap().inserted(), 3);
    let error = Seed::new()
        .table(&rows)
        .on_conflict(OnConflict::Fail)
        .run(&mut conn)
        .unwrap_err();
    let SeedError::Conflict {
        row, constraint, ..
    } = &error
    else {
        panic!("{error:?}");
    };
    assert_eq!((*row, &**constraint), (1, "items_pkey"));
    let twice = [Item { size: 2, ..item(1) }, Item { id: 9, ..item(2) }];
    let error = Seed::new()
        .table(&twice)
        .on_conflict(OnConflict::Update)
        .run(&mut conn)
        .unwrap_err();
    let SeedError::Conflict { constraint, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(&**constraint, "items_name_key");

    // A lock.
    let mut holder = connect();
    let lock = "BEGIN; LOCK items, auth_sessions IN EXCLUSIVE MODE";
    holder.batch_execute(lock).unwrap();
    conn.batch_execute("SET lock_timeout = 50").unwrap();
    let error = Item::seed(&mut conn, &[item(0)]).unwrap_err();
    assert!(chain(&error).contains("einer Sperre"), "{error:?}");
    let session = NewSession::new("user");
    let Err(AuthError::Database(error)) = SessionStore::new().create(&mut conn, session) else {
        panic!("the table is locked");
    };
    assert_eq!(error.kind(), ErrorKind::Other);
    let words = error.source().map(ToString::to_string).unwrap_or_default();
    assert!(words.contains("einer Sperre"), "{words}");
    holder.batch_execute("ROLLBACK").unwrap();
    conn.batch_execute("RESET lock_timeout").unwrap();
    assert_eq!(Item::seed(&mut conn, &[item(0)]).unwrap().inserted(), 1);
}
