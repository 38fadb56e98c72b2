//! Notices that somebody has written to a database file.

use std::path::Path;

use diesel::connection::LoadConnection;
use diesel::sqlite::{Sqlite, SqliteConnection};

use crate::backend::connection::BackendConnection;
use crate::backend::sql::{Sql, integer, text};
use crate::changes::ChangeSignal;
use crate::sqlite::pool::open_to_read;

/// A number that changes whenever another connection commits, on a connection that commits nothing.
pub(super) struct FileSignal {
    conn: SqliteConnection,
    version: i64,
}

impl FileSignal {
    /// Opens the file of a connection, unless it is on a server or in memory. Without WAL readers
    /// keep writers waiting, and there should not be more of them.
    pub(super) fn of<C>(conn: &mut C) -> Option<Self>
    where
        C: BackendConnection<Backend = Sqlite>,
    {
        if conn.is_remote() {
            return None;
        }
        let file = "SELECT file FROM pragma_database_list WHERE name = 'main' AND file <> ''";
        let file = first_text(conn, file)?;
        let (mut conn, _) = open_to_read(Path::new(&file)).ok()?;
        let journal = first_text(&mut conn, "PRAGMA journal_mode")?;
        let version = version(&mut conn)?;
        (journal == "wal").then_some(Self { conn, version })
    }
}

impl ChangeSignal for FileSignal {
    fn has_changed(&mut self) -> Option<bool> {
        let version = version(&mut self.conn)?;
        let earlier = std::mem::replace(&mut self.version, version);
        Some(earlier != version)
    }
}

fn version(conn: &mut SqliteConnection) -> Option<i64> {
    let mut sql = Sql::new();
    sql.push("PRAGMA data_version");
    let row = conn.load(sql).ok()?.next()?.ok()?;
    integer(&row, 0)
}

fn first_text<C>(conn: &mut C, sql: &'static str) -> Option<String>
where
    C: LoadConnection<Backend = Sqlite>,
{
    let row = conn.load(Sql::once(sql)).ok()?.next()?.ok()?;
    text(&row, 0)
}
