//! `#[seedable(crate = …)]`, in a crate where the library's usual name means another.

extern crate core as covara_diesel;
pub extern crate covara_diesel as layer;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use layer::Seedable;

/// As a crate that builds on the library re-exports it.
mod framework {
    pub mod database {
        pub use layer as covara;
    }
}

diesel::table! {
    entries (id) {
        id -> Integer,
        name -> Text,
        note -> Nullable<Text>,
    }
}

#[derive(Seedable)]
#[diesel(table_name = entries)]
#[seedable(crate = layer)]
struct Entry<T> {
    id: T,
    #[diesel(embed)]
    rest: Rest,
}

#[derive(Seedable)]
#[diesel(table_name = entries)]
#[seedable(crate = crate::framework::database::covara)]
struct Rest {
    #[diesel(serialize_as = String)]
    name: &'static str,
    note: Option<String>,
}

#[test]
fn renamed_library() {
    let mut conn = SqliteConnection::establish(":memory:").expect("SQLite in memory");
    conn.batch_execute("CREATE TABLE entries (id INTEGER PRIMARY KEY, name TEXT, note TEXT)")
        .expect("a table");
    let entry = Entry {
        id: 1,
        rest: Rest {
            name: "one",
            note: None,
        },
    };
    Entry::seed(&mut conn, &[entry]).expect("a seed");

    let stored: Vec<(i32, String, Option<String>)> =
        entries::table.load(&mut conn).expect("the entries");
    assert_eq!(stored, [(1, "one".into(), None)]);
}
