//! `#[derive(Seedable)]` and `#[derive(Searchable)]`: what becomes of each attribute and kind
//! of type in the database. What the compiler says to mistakes is in `tests/ui`.

use diesel::prelude::*;

#[path = "derive/attributes.rs"]
mod attributes;
#[path = "derive/backends.rs"]
mod backends;
#[path = "derive/cache.rs"]
mod cache;
#[path = "derive/fixtures.rs"]
mod fixtures;
#[path = "derive/hygiene.rs"]
mod hygiene;
#[path = "derive/lints.rs"]
mod lints;
#[path = "derive/searchable.rs"]
mod searchable;
#[path = "derive/tables.rs"]
mod tables;
#[path = "derive/types.rs"]
mod types;

/// A database in memory with these tables.
fn database(create: &str) -> SqliteConnection {
    use diesel::connection::SimpleConnection;

    let mut conn = SqliteConnection::establish(":memory:").expect("SQLite in memory");
    conn.batch_execute(create).expect("valid SQL");
    conn
}
