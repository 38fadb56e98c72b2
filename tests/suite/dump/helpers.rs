//! Dumps and seeds of single tables, and values as SQL.

use covara_diesel::dump::{Dump, DumpError, Format};
use covara_diesel::fixture::FixtureSource;
use covara_diesel::{Dialect, Seed};
use diesel::connection::SimpleConnection;

use crate::backend::{self, Conn};

/// The bytes of a dump of one table.
pub(super) fn dumped(conn: &mut Conn, table: &str, format: Format) -> Result<Vec<u8>, DumpError> {
    let mut bytes = Vec::new();
    let written = Dump::new()
        .format(format)
        .table_to(conn, table, &mut bytes)?;
    assert_eq!(written.bytes, u64::try_from(bytes.len()).unwrap());
    Ok(bytes)
}

pub(super) fn text(conn: &mut Conn, table: &str, format: Format) -> String {
    String::from_utf8(dumped(conn, table, format).unwrap()).unwrap()
}

/// Seeds a table from the bytes of a dump, and returns how many rows were new.
pub(super) fn seeded(conn: &mut Conn, table: &str, format: Format, bytes: &[u8]) -> usize {
    let source = FixtureSource::reader(format!("dump.{}", format.extension()), bytes);
    let seed = Seed::new().fixture(table, source);
    match seed.run(conn) {
        Ok(summary) => summary.inserted(),
        Err(error) => panic!("{error:?} in {}", String::from_utf8_lossy(bytes)),
    }
}

pub(super) fn insert(conn: &mut Conn, table: &str, rows: impl Iterator<Item = String>) {
    let rows: Vec<String> = rows.collect();
    for rows in rows.chunks(200) {
        conn.batch_execute(&format!("INSERT INTO {table} VALUES {}", rows.join(", ")))
            .unwrap();
    }
}

/// SQL of bytes.
pub(super) fn bytes(bytes: &[u8]) -> String {
    let hex = data_encoding::HEXLOWER.encode(bytes);
    match backend::DIALECT {
        Dialect::Sqlite => format!("X'{hex}'"),
        Dialect::Postgres => format!("'\\x{hex}'::bytea"),
    }
}

/// SQL of a text.
pub(super) fn text_sql(text: &str) -> String {
    let bytes = bytes(text.as_bytes());
    match backend::DIALECT {
        Dialect::Sqlite => format!("CAST({bytes} AS TEXT)"),
        Dialect::Postgres => format!("convert_from({bytes}, 'UTF8')"),
    }
}

/// SQL of a long text, which is short itself: D1 takes no statement above 100 kB.
pub(super) fn long_sql(length: usize) -> String {
    match backend::DIALECT {
        Dialect::Sqlite => format!("substr(hex(zeroblob({})), 1, {length})", length / 2 + 1),
        Dialect::Postgres => format!("repeat('0', {length})"),
    }
}
