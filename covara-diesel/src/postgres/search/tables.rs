//! The catalogue and the tables of an index.

use diesel::QueryResult;
use diesel::pg::Pg;

use super::lookup::{self, IndexKey};
use super::vocabulary;
use crate::backend::connection::BackendConnection;
use crate::backend::sql::{Sql, integer};
use crate::search::{CATALOGUE, Entry, EntryRow, IndexEngine, Kind, LEAD, SearchError};

/// First half of the advisory locks' key: the bytes of `csea` as a big-endian integer. The second
/// half is the number of the index, or 0 for the catalogue.
const LOCKS: i32 = i32::from_be_bytes(*b"csea");

impl IndexEngine for Pg {
    fn read_entry<C>(conn: &mut C, name: &str) -> Result<Option<EntryRow>, SearchError>
    where
        C: BackendConnection<Backend = Self>,
    {
        let found = lookup::find(conn, IndexKey::Name(name))?;
        Ok(found.and_then(|found| found.index).map(|(_, row)| row))
    }

    fn name_of<C>(conn: &mut C, number: i64) -> Result<Option<String>, SearchError>
    where
        C: BackendConnection<Backend = Self>,
    {
        let found = lookup::find(conn, IndexKey::Number(number))?;
        Ok(found.and_then(|found| found.index).map(|(name, _)| name))
    }

    /// Creates the catalogue in the current schema, unless there is one, and returns its quoted name.
    fn create_catalogue<C>(conn: &mut C) -> Result<String, SearchError>
    where
        C: BackendConnection<Backend = Self>,
    {
        // Look first: for an existing table, CREATE would send a notice.
        if let Some(found) = lookup::find(conn, IndexKey::Name(""))? {
            return Ok(found.catalogue);
        }
        let create = Sql::once(format!(
            "CREATE TABLE IF NOT EXISTS {CATALOGUE} (
                 number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
                 name TEXT NOT NULL UNIQUE,
                 definition TEXT NOT NULL,
                 ready BIGINT NOT NULL DEFAULT 0,
                 reindexed TEXT
             )"
        ));
        // Two sessions that create a table at once fail each other in spite of IF NOT EXISTS.
        conn.atomically(&[&lock_number(0), &create])?;
        // Another session may have created it meanwhile.
        let found = lookup::find(conn, IndexKey::Name(""))?;
        found
            .map(|found| found.catalogue)
            .ok_or_else(|| SearchError::Unreadable {
                what: format!("no table {CATALOGUE} in the schemas of the search_path"),
            })
    }

    fn lock(entry: &Entry) -> Option<Sql<'static>> {
        Some(lock(entry))
    }

    fn create(entry: &Entry, _: bool) -> Vec<Sql<'static>> {
        let columns = entry.columns();
        let columns = columns.map(|(name, kind)| format!(", {}", column(&name, kind)));
        let table = entry.documents();
        let mut statements = vec![
            Sql::once(format!(
                "CREATE TABLE {table} (
                     id TEXT COLLATE \"C\" PRIMARY KEY,
                     version BIGINT NOT NULL,
                     words TSVECTOR NOT NULL{},
                     source TEXT NOT NULL
                 )",
                columns.collect::<String>()
            )),
            Sql::once(format!(
                "CREATE INDEX {} ON {table} USING gin (words)",
                entry.words()
            )),
        ];
        if entry.has_vocabulary() {
            statements.extend(vocabulary::create(entry));
        }
        statements
    }

    fn extend(entry: &Entry, first: usize) -> Vec<Sql<'static>> {
        let mut statements = entry.add_columns(first, column);
        if entry.has_vocabulary() && !entry.definition.has_vocabulary(first) {
            statements.extend(vocabulary::create(entry));
        }
        statements
    }

    /// Only the owner of a table may add columns.
    fn add_lead<C>(conn: &mut C, entry: &Entry) -> QueryResult<Option<Vec<Sql<'static>>>>
    where
        C: BackendConnection<Backend = Self>,
    {
        let documents = entry.documents();
        let mut sql = Sql::once(
            "SELECT CAST(pg_catalog.count(*) AS bigint) FROM pg_catalog.pg_class AS t \
             WHERE pg_catalog.pg_has_role(t.relowner, 'USAGE') \
                 AND t.oid OPERATOR(pg_catalog.=) CAST(pg_catalog.to_regclass(",
        );
        sql.bind(documents.clone()).push(") AS oid)");
        let mut rows = conn.load(sql)?;
        let row = rows.next().transpose()?;
        if row.and_then(|row| integer(&row, 0)) != Some(1) {
            return Ok(None);
        }
        let lead = column(LEAD, Kind::Text);
        let add = format!("ALTER TABLE {documents} ADD COLUMN IF NOT EXISTS {lead}");
        Ok(Some(vec![Sql::once(add)]))
    }

    fn remove(entry: &Entry) -> Vec<Sql<'static>> {
        let mut statements = vec![lock(entry)];
        if entry.definition.table.is_some() {
            // Together with the triggers that call it.
            statements.push(Sql::once(format!(
                "DROP FUNCTION IF EXISTS {}_write() CASCADE",
                entry.notes()
            )));
            statements.push(Sql::once(format!("DROP TABLE IF EXISTS {}", entry.notes())));
        }
        if entry.has_vocabulary() {
            statements.push(Sql::once(format!("DROP TABLE {}", entry.vocabulary())));
        }
        statements.push(Sql::once(format!("DROP TABLE {}", entry.documents())));
        statements
    }
}

/// Pushes the arguments of the locking functions.
pub(super) fn lock_key(number: i64, sql: &mut Sql<'_>) {
    // Numbers are far below the limit of an integer.
    sql.push(format!("{LOCKS}, CAST("));
    sql.bind(number).push(" AS integer)");
}

fn lock_number(number: i64) -> Sql<'static> {
    let mut sql = Sql::new();
    sql.push("SELECT pg_advisory_xact_lock(");
    lock_key(number, &mut sql);
    sql.push(")");
    sql
}

pub(super) fn lock(entry: &Entry) -> Sql<'static> {
    lock_number(entry.number)
}

fn column(name: &str, kind: Kind) -> String {
    let sql_type = match kind {
        // Ordered by bytes, as on SQLite.
        Kind::Text | Kind::Keyword => "TEXT COLLATE \"C\"",
        Kind::Keywords => "JSONB",
        Kind::Integer | Kind::Boolean | Kind::Date => "BIGINT",
        Kind::Float => "DOUBLE PRECISION",
    };
    format!("{name} {sql_type}")
}

pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
