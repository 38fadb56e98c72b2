//! Has writes to a table noted.
//!
//! A key that was written has one note, with a number that is drawn anew at each write: who has
//! read a note, and then the row, knows by it whether the row was written again since.

use diesel::QueryResult;
use diesel::sqlite::Sqlite;

use super::tables::{self, quoted};
use crate::connection::DatabaseConnection;
use crate::search::{Cause, Entry, Mending, Sql, WatchedTable, integer, text};
use crate::sqlite::name;

/// D1 sends numbers as doubles, which are exact up to 53 bits.
const NUMBER: &str = "random() & 9007199254740991";

/// What notes and triggers are in `sqlite_master`, word for word.
struct Wanted {
    notes: Made,
    triggers: [(String, Made); 3],
}

impl Wanted {
    fn of(entry: &Entry, watched: &WatchedTable) -> Self {
        let (table, key) = (&watched.table, quoted(&watched.key));
        let notes = entry.notes_name();
        // SQLite's own conflict clause of the writing statement does not reach an upsert.
        let note = |row: &str, also: &str| {
            format!(
                "INSERT INTO {notes} (key, number) SELECT {row}.{key}, {NUMBER} \
                 WHERE {row}.{key} IS NOT NULL{also} \
                 ON CONFLICT (key) DO UPDATE SET number = excluded.number;"
            )
        };
        let moved = format!(" AND OLD.{key} IS NOT NEW.{key}");
        let triggers = [
            ("insert", note("NEW", "")),
            ("delete", note("OLD", "")),
            (
                "update",
                format!("{} {}", note("OLD", &moved), note("NEW", "")),
            ),
        ];
        Self {
            notes: made(
                "TABLE",
                &notes,
                " (id INTEGER PRIMARY KEY, key UNIQUE, number INTEGER NOT NULL)",
            ),
            triggers: triggers.map(|(event, body)| {
                let name = format!("{notes}_{event}");
                let event = event.to_ascii_uppercase();
                let rest = format!(" AFTER {event} ON {table} BEGIN {body} END");
                let made = made("TRIGGER", &name, &rest);
                (name, made)
            }),
        }
    }
}

/// Something that SQLite keeps the text of, without the schema.
struct Made {
    kept: String,
    create: Sql<'static>,
}

fn made(what: &str, name: &str, rest: &str) -> Made {
    Made {
        kept: format!("CREATE {what} {name}{rest}"),
        create: Sql::once(format!("CREATE {what} main.{name}{rest}")),
    }
}

/// The statements that note every row, and that documents may have no row.
pub(super) fn note_all(entry: &Entry) -> Vec<Sql<'static>> {
    let Some(watched) = &entry.definition.table else {
        return Vec::new();
    };
    let (table, key) = (tables::followed(watched), quoted(&watched.key));
    let notes = entry.notes();
    vec![
        Sql::once(format!(
            "INSERT INTO {notes} (key, number) SELECT {key}, {NUMBER} FROM {table} \
             WHERE {key} IS NOT NULL ON CONFLICT (key) DO UPDATE SET number = excluded.number"
        )),
        Sql::once(format!(
            "INSERT INTO {notes} (key, number) VALUES (NULL, {NUMBER})"
        )),
    ]
}

/// What is found of a followed table.
#[derive(Default)]
struct Found {
    /// Where the table is in `sqlite_master`.
    table: Option<i64>,
    /// Where the notes are, and what made them.
    notes: Option<(i64, String)>,
    /// How many triggers are as they must be.
    triggers: usize,
    /// Whether one is on another table: the followed one was renamed.
    moved: bool,
}

/// Tables stand in `sqlite_master` in the order in which they were made, and dumps and VACUUM
/// keep it. So a table that is newer than its notes is not the one that they are about, even if
/// somebody has made the triggers again.
pub(super) fn examine<C>(conn: &mut C, entry: &Entry) -> QueryResult<Option<Mending>>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    let Some(watched) = &entry.definition.table else {
        return Ok(None);
    };
    let wanted = Wanted::of(entry, watched);
    let found = find(conn, entry, watched, &wanted)?;
    let cause = match &found.notes {
        Some((place, _)) if found.moved || found.table > Some(*place) => Cause::Table,
        Some((_, made)) if made.contains("AUTOINCREMENT") => Cause::Version,
        Some((_, made))
            if *made == wanted.notes.kept && found.triggers == wanted.triggers.len() =>
        {
            return Ok(None);
        }
        _ => Cause::Triggers,
    };
    let notes = entry.notes();
    let drop_triggers = wanted.triggers.iter();
    let mut statements: Vec<Sql<'static>> = drop_triggers
        .map(|(name, _)| Sql::once(format!("DROP TRIGGER IF EXISTS main.{name}")))
        .collect();
    statements.push(Sql::once(format!("DROP TABLE IF EXISTS {notes}")));
    statements.push(wanted.notes.create);
    let triggers = wanted.triggers.into_iter();
    statements.extend(triggers.map(|(_, trigger)| trigger.create));
    statements.extend(note_all(entry));
    Ok(Some(Mending { cause, statements }))
}

fn find<C>(
    conn: &mut C,
    entry: &Entry,
    watched: &WatchedTable,
    wanted: &Wanted,
) -> QueryResult<Found>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    let (_, table) = name::parts(&watched.table);
    let notes = entry.notes_name();
    let mut sql = Sql::new();
    sql.push("SELECT name, rowid, sql, lower(tbl_name) = lower(");
    sql.bind(table.clone());
    sql.push(") FROM sqlite_master WHERE type IN ('table', 'trigger') AND (name IN (");
    sql.bind(notes.clone());
    for (name, _) in &wanted.triggers {
        sql.push(", ").bind(name.clone());
    }
    sql.push(") OR type = 'table' AND lower(name) = lower(");
    sql.bind(table).push("))");
    let mut found = Found::default();
    for row in conn.load(sql)? {
        let row = row?;
        let (Some(name), Some(place)) = (text(&row, 0), integer(&row, 1)) else {
            continue;
        };
        let made = text(&row, 2).unwrap_or_default();
        let on_table = integer(&row, 3) == Some(1);
        if name == notes {
            found.notes = Some((place, made));
        } else if let Some((_, trigger)) = wanted.triggers.iter().find(|(known, _)| *known == name)
        {
            found.moved |= !on_table;
            found.triggers += usize::from(on_table && trigger.kept == made);
        } else {
            found.table = Some(place);
        }
    }
    Ok(found)
}

/// Whether there is a table of that quoted name.
pub(super) fn has_table<C>(conn: &mut C, table: &str) -> QueryResult<bool>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    let (_, table) = name::parts(table);
    let mut sql = Sql::new();
    sql.push("SELECT 1 FROM sqlite_master WHERE type = 'table' AND lower(name) = lower(");
    sql.bind(table).push(")");
    let mut rows = conn.load(sql)?;
    Ok(rows.next().transpose()?.is_some())
}
