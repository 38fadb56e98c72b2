use covara_diesel::{AsTyped, Typed};
use diesel::SqliteConnection;
use diesel::sqlite::Sqlite;

struct Wrapper(SqliteConnection);

impl AsTyped for Wrapper {
    type SqliteBackend = Sqlite;
    type PostgresBackend = Sqlite;
    type Sqlite = SqliteConnection;
    type Libsql = SqliteConnection;
    type D1 = SqliteConnection;
    type Postgres = SqliteConnection;

    fn typed(&mut self) -> Typed<'_, Self> {
        Typed::Sqlite(&mut self.0)
    }
}

fn main() {}
