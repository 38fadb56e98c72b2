//! What the suite has to know of a database behind HTTP.

use chrono::{DateTime, Utc};
use covara_diesel::Dialect;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;

pub use covara_diesel::schema::sqlite as schema;
pub use covara_diesel::search::SqliteFts as Fts;

use crate::backend::{Conn, TestDb};

pub const DIALECT: Dialect = Dialect::Sqlite;
/// Columns and history.
pub const QUERIES_OF_AN_IDLE_BOOT: usize = 2;
/// Each is two or three requests, and the engine is the one of the files.
pub const RANDOM_QUERIES: usize = 2_000;
pub const TIME: &str = "INTEGER";
pub const SOME_TIME: &str = "1700000000";
pub const BLOB: &str = "BLOB";
pub const TIMESTAMP: &str = "TEXT";
pub const HAS_NAN: bool = false;
/// JSON has no infinity.
pub const LARGEST_REAL: f64 = f64::MAX;
pub const TEXT_HOLDS_NUL: bool = true;

macro_rules! spread_internal_schema {
    () => {
        covara_diesel::internal_schema!(sqlite);
    };
}
pub(crate) use spread_internal_schema;

/// Whole seconds of any number.
pub fn holds_time(_: DateTime<Utc>) -> bool {
    true
}

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

/// The texts that a query yields, named `name`.
pub fn names<C>(conn: &mut C, sql: &str) -> Vec<String>
where
    C: covara_diesel::DatabaseConnection<Backend = diesel::sqlite::Sqlite>,
{
    diesel::sql_query(sql)
        .load::<Name>(conn)
        .expect(sql)
        .into_iter()
        .map(|row| row.name)
        .collect()
}

/// Tables, views and indexes, without those of the server's own.
pub fn tables(conn: &mut Conn) -> Vec<String> {
    names(
        conn,
        "SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf\\_%' ESCAPE '\\' ORDER BY name",
    )
}

/// A killed process is a request that breaks off, or a transaction that the next writer
/// waits for.
pub fn wait_until_alone(_: &mut Conn) {}

/// What the file has, statement by statement.
pub fn load_interop(db: &TestDb) {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/interop/covara-ts.sqlite"
    );
    let mut file = SqliteConnection::establish(&format!("file:{file}?mode=ro")).unwrap();
    let mut conn = db.connect();
    for sql in names(
        &mut file,
        "SELECT sql AS name FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid",
    ) {
        conn.batch_execute(&sql).expect(&sql);
    }
    for table in names(
        &mut file,
        "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY rowid",
    ) {
        let columns = quoted_columns(&mut file, &table);
        for values in names(
            &mut file,
            &format!("SELECT {columns} AS name FROM {table} NOT INDEXED"),
        ) {
            let sql = format!("INSERT INTO {table} VALUES ({values})");
            conn.batch_execute(&sql).expect(&sql);
        }
    }
}

fn quoted_columns<C>(conn: &mut C, table: &str) -> String
where
    C: covara_diesel::DatabaseConnection<Backend = diesel::sqlite::Sqlite>,
{
    let sql =
        format!("SELECT 'quote(\"' || name || '\")' AS name FROM pragma_table_xinfo('{table}')");
    names(conn, &sql).join(" || ',' || ")
}

/// Each row in the order of the table itself.
pub fn rows_as_text(conn: &mut Conn, table: &str) -> Vec<String> {
    let columns = quoted_columns(conn, table);
    names(
        conn,
        &format!("SELECT {columns} AS name FROM {table} NOT INDEXED"),
    )
}
