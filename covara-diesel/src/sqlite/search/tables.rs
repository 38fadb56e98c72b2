//! The catalogue and the tables of an index.

use std::iter;

use diesel::QueryResult;
use diesel::result::Error;
use diesel::sqlite::Sqlite;

use crate::connection::{DatabaseConnection, message};
use crate::search::definition::MOST_SEARCHED;
use crate::search::{CATALOGUE, Entry, EntryRow, Kind, Sql, WatchedTable, integer};

pub(super) fn read_entry<C>(conn: &mut C, name: &str) -> QueryResult<Option<EntryRow>>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    let mut sql = Sql::new();
    sql.push(format!(
        "SELECT {} FROM {CATALOGUE} WHERE name = ",
        EntryRow::COLUMNS
    ));
    sql.bind(name);
    match entry(conn, sql) {
        // On SQLite a failed statement spoils nothing.
        Err(error) if is_missing_catalogue(&error) => Ok(None),
        found => found,
    }
}

fn entry<C>(conn: &mut C, sql: Sql<'_>) -> QueryResult<Option<EntryRow>>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    let mut rows = conn.load(sql)?;
    let Some(row) = rows.next().transpose()? else {
        return Ok(None);
    };
    EntryRow::read(&row).map(Some).ok_or_else(|| {
        Error::DeserializationError(format!("a row of {CATALOGUE} is not as written").into())
    })
}

fn is_missing_catalogue(error: &Error) -> bool {
    let message = message(error);
    message.contains("no such table") && message.contains(CATALOGUE)
}

/// Numbers are never used again: a process that has just read of an index that is gone must
/// not find another's tables.
pub(super) fn create_catalogue<C>(conn: &mut C) -> QueryResult<()>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    let create = Sql::once(format!(
        "CREATE TABLE IF NOT EXISTS {CATALOGUE} (
             number INTEGER PRIMARY KEY AUTOINCREMENT,
             name TEXT NOT NULL UNIQUE,
             definition TEXT NOT NULL,
             ready INTEGER NOT NULL DEFAULT 0,
             reindexed TEXT
         )"
    ));
    conn.execute_atomically(&[&create]).map(drop)
}

/// How many bytes of words FTS5 gathers before it writes them out. Of itself it takes 1 MiB, and
/// then merges more often: many documents take a tenth longer.
const GATHERED: usize = 8 << 20;

fn column(number: usize, kind: Kind) -> String {
    let sql_type = match kind {
        Kind::Text | Kind::Keyword => "TEXT",
        Kind::Integer | Kind::Boolean | Kind::Date => "INTEGER",
        Kind::Float => "REAL",
    };
    format!("c{number} {sql_type}")
}

/// How many searched fields there is room for at first, unless there are more. Each takes a byte
/// of each document, used or not; with room for all that an index can have, documents of few
/// words take a sixth longer to write.
const ROOM: usize = 8;

pub(super) fn create(entry: &Entry, remote: bool) -> Vec<Sql<'static>> {
    let columns = entry.definition.columns();
    let columns = columns.map(|(number, _, field)| format!(", {}", column(number, field.kind())));
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
    // From elsewhere all documents are not soon indexed again.
    let few = entry.definition.searched().count() <= ROOM && !remote;
    iter::once(documents)
        .chain(create_words(entry, if few { ROOM } else { MOST_SEARCHED }))
        .collect()
}

/// The full-text table keeps no text, only what stands where: the words are not those of the
/// documents. It cannot be given columns later.
///
/// To the tokenizer `ascii` every word that we make is one token.
fn create_words(entry: &Entry, room: usize) -> [Sql<'static>; 2] {
    let words = entry.words();
    let columns: String = (0..room).map(|slot| format!("t{slot}, ")).collect();
    [
        Sql::once(format!(
            "CREATE VIRTUAL TABLE {words} USING fts5
                 ({columns}content='', contentless_delete=1, tokenize='ascii')"
        )),
        Sql::once(format!(
            "INSERT INTO {words} ({words}, rank) VALUES ('hashsize', {GATHERED})"
        )),
    ]
}

pub(super) fn make_room<C>(conn: &mut C, entry: &Entry) -> QueryResult<Vec<Sql<'static>>>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    if entry.definition.searched().count() <= ROOM || conn.is_remote() {
        return Ok(Vec::new());
    }
    let words = entry.words();
    let mut rows = conn.load(Sql::once(format!(
        "SELECT count(*) FROM pragma_table_info('{words}')"
    )))?;
    let room = rows.next().transpose()?.and_then(|row| integer(&row, 0));
    if room != i64::try_from(ROOM).ok() {
        return Ok(Vec::new());
    }
    let remove = Sql::once(format!("DROP TABLE {words}"));
    let create = create_words(entry, MOST_SEARCHED);
    Ok(iter::once(remove).chain(create).collect())
}

pub(super) fn extend(entry: &Entry, first: usize) -> Vec<Sql<'static>> {
    entry.add_columns(first, column)
}

pub(super) fn remove(entry: &Entry) -> Vec<Sql<'static>> {
    let mut statements = Vec::new();
    if entry.definition.table.is_some() {
        for event in ["insert", "update", "delete"] {
            let trigger = format!("{}_{event}", entry.notes());
            statements.push(Sql::once(format!("DROP TRIGGER IF EXISTS {trigger}")));
        }
        statements.push(Sql::once(format!("DROP TABLE {}", entry.notes())));
    }
    statements.push(Sql::once(format!("DROP TABLE {}", entry.words())));
    statements.push(Sql::once(format!("DROP TABLE {}", entry.documents())));
    statements
}

fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// Keys are noted as they are, whatever their type.
pub(super) fn watch(entry: &Entry) -> Vec<Sql<'static>> {
    let Some(WatchedTable { table, key, .. }) = &entry.definition.table else {
        return Vec::new();
    };
    let (notes, key) = (entry.notes(), quoted(key));
    let mut statements = vec![Sql::once(format!(
        "CREATE TABLE {notes} (number INTEGER PRIMARY KEY AUTOINCREMENT, key NOT NULL)"
    ))];
    let note = |row: &str| format!("INSERT INTO {notes} (key) VALUES ({row}.{key});");
    let triggers = [
        ("insert", "INSERT", note("NEW")),
        ("delete", "DELETE", note("OLD")),
        (
            "update",
            "UPDATE",
            format!("{} {}", note("OLD"), note("NEW")),
        ),
    ];
    for (name, event, body) in triggers {
        statements.push(Sql::once(format!(
            "CREATE TRIGGER {notes}_{name} AFTER {event} ON {table} BEGIN {body} END"
        )));
    }
    statements.push(Sql::once(format!(
        "INSERT INTO {notes} (key) SELECT {key} FROM {table}"
    )));
    statements
}

/// Any column may hold a value of any type; JSON has neither bytes nor infinity.
fn jsonable(column: &str) -> String {
    format!(
        "CASE WHEN typeof(t.{column}) = 'blob'
             OR typeof(t.{column}) = 'real' AND abs(t.{column}) > 1.7976931348623157e308
         THEN NULL ELSE t.{column} END"
    )
}

pub(super) fn noted(entry: &Entry, upto: i64) -> Sql<'static> {
    let mut sql = Sql::new();
    let Some(WatchedTable {
        table,
        key,
        columns,
    }) = &entry.definition.table
    else {
        return sql;
    };
    let key = quoted(key);
    let fields = entry.definition.fields().zip(columns);
    let pairs: Vec<String> = fields
        .map(|((name, _), column)| format!("'{name}', {}", jsonable(&quoted(column))))
        .collect();
    sql.push(format!(
        "SELECT CAST(n.key AS TEXT),
                CASE WHEN t.{key} IS NOT NULL THEN json_object({}) END
         FROM (SELECT DISTINCT key FROM {} WHERE number <= ",
        pairs.join(", "),
        entry.notes()
    ));
    sql.bind(upto);
    sql.push(format!(") AS n LEFT JOIN {table} AS t ON t.{key} = n.key"));
    sql
}
