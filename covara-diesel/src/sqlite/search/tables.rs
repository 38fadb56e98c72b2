//! The catalogue and the tables of an index.

use std::iter;

use diesel::QueryResult;
use diesel::result::Error;
use diesel::sqlite::Sqlite;

use super::vocabulary;
use crate::backend::connection::{BackendConnection, message};
use crate::backend::sql::{Sql, integer, text};
use crate::search::definition::MOST_SEARCHED;
use crate::search::{
    CATALOGUE, Entry, EntryRow, FollowedTable, Home, IndexEngine, Kind, LEAD, SearchError,
};
use crate::sqlite::name;

/// The prefix of table names. Without it, a temporary table of the same name would take precedence
/// over that in the file.
const MAIN: &str = "main.";

/// Returns the catalogue's name as SQL.
pub(super) fn catalogue() -> String {
    format!("{MAIN}{CATALOGUE}")
}

/// Returns the name of the full-text table as SQL. Its columns are named after [`Entry::words`].
pub(super) fn words(entry: &Entry) -> String {
    format!("{MAIN}{}", entry.words())
}

/// Returns the name of the followed table as SQL.
pub(super) fn followed(watched: &FollowedTable) -> String {
    match name::parts(&watched.table) {
        (None, table) => name::quoted(Some("main"), &table),
        (Some(_), _) => watched.table.clone(),
    }
}

/// Returns an expression for the text of a key, which is the id of its document.
///
/// A cast of a floating-point number writes 15 digits before SQLite 3.52, as on libSQL, where two
/// numbers may have one text.
pub(super) fn key_text(key: &str) -> String {
    format!(
        "CASE WHEN typeof({key}) = 'real' AND CAST(CAST({key} AS TEXT) AS REAL) <> {key} \
         THEN printf('%!.17g', {key}) ELSE CAST({key} AS TEXT) END"
    )
}

impl IndexEngine for Sqlite {
    fn read_entry<C>(conn: &mut C, name: &str) -> Result<Option<EntryRow>, SearchError>
    where
        C: BackendConnection<Backend = Self>,
    {
        let mut sql = Sql::new();
        sql.push(format!(
            "SELECT number, definition, ready, reindexed FROM {} WHERE name = ",
            catalogue()
        ));
        sql.bind(name);
        match entry(conn, sql) {
            // On SQLite a failed statement does not end the transaction.
            Err(error) if is_missing_catalogue(&error) => Ok(None),
            found => Ok(found?),
        }
    }

    fn name_of<C>(conn: &mut C, number: i64) -> Result<Option<String>, SearchError>
    where
        C: BackendConnection<Backend = Self>,
    {
        let mut sql = Sql::once(format!("SELECT name FROM {} WHERE number = ", catalogue()));
        sql.bind(number);
        let row = match conn.load(sql) {
            Ok(mut rows) => rows.next().transpose(),
            Err(error) => Err(error),
        };
        match row {
            Ok(row) => Ok(row.and_then(|row| text(&row, 0))),
            Err(error) if is_missing_catalogue(&error) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Creates the catalogue. Numbers are never reused: a process that has just read the number of a
    /// deleted index must not find another index's tables.
    fn create_catalogue<C>(conn: &mut C) -> Result<String, SearchError>
    where
        C: BackendConnection<Backend = Self>,
    {
        let create = Sql::once(format!(
            "CREATE TABLE IF NOT EXISTS {} (
                 number INTEGER PRIMARY KEY AUTOINCREMENT,
                 name TEXT NOT NULL UNIQUE,
                 definition TEXT NOT NULL,
                 ready INTEGER NOT NULL DEFAULT 0,
                 reindexed TEXT
             )",
            catalogue()
        ));
        conn.atomically(&[&create])?;
        Ok(catalogue())
    }

    /// SQLite allows only one writer at a time.
    fn lock(_: &Entry) -> Option<Sql<'static>> {
        None
    }

    fn create(entry: &Entry, remote: bool) -> Vec<Sql<'static>> {
        let columns = entry.columns();
        let columns = columns.map(|(name, kind)| format!(", {}", column(&name, kind)));
        let documents = Sql::once(format!(
            "CREATE TABLE {} (
                 key INTEGER PRIMARY KEY,
                 id TEXT NOT NULL UNIQUE,
                 version INTEGER NOT NULL{},
                 source TEXT NOT NULL
             )",
            entry.documents(),
            columns.collect::<String>()
        ));
        // Over a network, indexing all documents again would take long.
        let few = entry.definition.searched().count() <= ROOM && !remote;
        let words = create_words(entry, if few { ROOM } else { MOST_SEARCHED });
        let vocabulary = entry.has_vocabulary().then(|| vocabulary::create(entry));
        iter::once(documents)
            .chain(words)
            .chain(vocabulary.into_iter().flatten())
            .collect()
    }

    fn extend(entry: &Entry, first: usize) -> Vec<Sql<'static>> {
        let mut statements = entry.add_columns(first, column);
        if entry.has_vocabulary() && !entry.definition.has_vocabulary(first) {
            statements.extend(vocabulary::create(entry));
        }
        statements
    }

    fn add_lead<C>(conn: &mut C, entry: &Entry) -> QueryResult<Option<Vec<Sql<'static>>>>
    where
        C: BackendConnection<Backend = Self>,
    {
        let documents = entry.documents();
        let name = documents.trim_start_matches(MAIN);
        let mut rows = conn.load(Sql::once(format!(
            "SELECT count(*) FROM pragma_table_info('{name}', 'main') WHERE name = '{LEAD}'"
        )))?;
        let row = rows.next().transpose()?;
        if row.and_then(|row| integer(&row, 0)) == Some(1) {
            return Ok(Some(Vec::new()));
        }
        let lead = column(LEAD, Kind::Text);
        let add = Sql::once(format!("ALTER TABLE {documents} ADD COLUMN {lead}"));
        Ok(Some(vec![add]))
    }

    fn make_room<C>(conn: &mut C, entry: &Entry) -> QueryResult<Vec<Sql<'static>>>
    where
        C: BackendConnection<Backend = Self>,
    {
        if entry.definition.searched().count() <= ROOM || conn.is_remote() {
            return Ok(Vec::new());
        }
        let mut rows = conn.load(Sql::once(format!(
            "SELECT count(*) FROM pragma_table_info('{}', 'main')",
            entry.words()
        )))?;
        let room = rows.next().transpose()?.and_then(|row| integer(&row, 0));
        if room != i64::try_from(ROOM).ok() {
            return Ok(Vec::new());
        }
        let remove = Sql::once(format!("DROP TABLE {}", words(entry)));
        let create = create_words(entry, MOST_SEARCHED);
        Ok(iter::once(remove).chain(create).collect())
    }

    fn remove(entry: &Entry) -> Vec<Sql<'static>> {
        let mut statements = Vec::new();
        if entry.definition.table.is_some() {
            for event in ["insert", "update", "delete"] {
                let trigger = format!("{}_{event}", entry.notes());
                statements.push(Sql::once(format!("DROP TRIGGER IF EXISTS {trigger}")));
            }
            let notes = entry.notes();
            statements.push(Sql::once(format!("DROP TABLE IF EXISTS {notes}")));
        }
        if entry.has_vocabulary() {
            statements.push(Sql::once(format!("DROP TABLE {}", entry.vocabulary())));
        }
        statements.push(Sql::once(format!("DROP TABLE {}", words(entry))));
        statements.push(Sql::once(format!("DROP TABLE {}", entry.documents())));
        statements
    }
}

fn entry<C>(conn: &mut C, sql: Sql<'_>) -> QueryResult<Option<EntryRow>>
where
    C: BackendConnection<Backend = Sqlite>,
{
    let mut rows = conn.load(sql)?;
    let Some(row) = rows.next().transpose()? else {
        return Ok(None);
    };
    let read = || {
        Some(EntryRow {
            number: integer(&row, 0)?,
            definition: text(&row, 1)?,
            ready: integer(&row, 2)? == 1,
            reindexed: text(&row, 3),
            // A read-only connection reports an error when it writes.
            may_refresh: true,
            equals: "=",
            home: Home {
                catalogue: MAIN.to_owned(),
                tables: MAIN.to_owned(),
                followed: None,
            },
            strangers: Vec::new(),
        })
    };
    read().map(Some).ok_or_else(|| {
        Error::DeserializationError(format!("a row of {CATALOGUE} cannot be decoded").into())
    })
}

fn is_missing_catalogue(error: &Error) -> bool {
    let message = message(error);
    message.contains("no such table") && message.contains(CATALOGUE)
}

/// The bytes of words that FTS5 buffers before it flushes them. Its default of 1 MiB causes more
/// merges: many documents take a tenth longer.
const GATHERED: usize = 8 << 20;

fn column(name: &str, kind: Kind) -> String {
    let sql_type = match kind {
        // Keywords are a JSON array.
        Kind::Text | Kind::Keyword | Kind::Keywords => "TEXT",
        Kind::Integer | Kind::Boolean | Kind::Date => "INTEGER",
        Kind::Float => "REAL",
    };
    format!("{name} {sql_type}")
}

/// The number of searched fields that a new index has room for, unless it has more. Each takes a
/// byte per document, used or not. With room for the maximum number of fields, documents of few
/// words take a sixth longer to write.
const ROOM: usize = 8;

/// Returns the statements that create the full-text table. The table stores no text, only
/// positions: its words are not those of the documents. It cannot be given columns later.
///
/// The tokenizer `ascii` treats every word that this library produces as one token.
fn create_words(entry: &Entry, room: usize) -> [Sql<'static>; 2] {
    let (table, words) = (words(entry), entry.words());
    let columns: String = (0..room).map(|slot| format!("t{slot}, ")).collect();
    [
        Sql::once(format!(
            "CREATE VIRTUAL TABLE {table} USING fts5
                 ({columns}content='', contentless_delete=1, tokenize='ascii')"
        )),
        Sql::once(format!(
            "INSERT INTO {table} ({words}, rank) VALUES ('hashsize', {GATHERED})"
        )),
    ]
}

pub(super) fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}
