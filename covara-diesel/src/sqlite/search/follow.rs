//! Triggers that note writes to a table.
//!
//! A written key has one note, with a number that is drawn anew at each write. Whoever has read a
//! note, and then the row, can tell by the number whether the row was written again since.

use std::iter;

use diesel::QueryResult;
use diesel::sqlite::Sqlite;

use super::tables::{self, key_text, quoted};
use crate::backend::connection::BackendConnection;
use crate::backend::sql::{Sql, integer, text};
use crate::search::{Cause, Entry, FollowEngine, FollowedTable, Mending};
use crate::sqlite::migrate::NOTES_VERSION;
use crate::sqlite::name;

/// D1 sends numbers as doubles, which are exact up to 53 bits.
const NUMBER: &str = "random() & 9007199254740991";

/// The expected text of notes and triggers in `sqlite_master`.
struct Wanted {
    notes: KeptSql,
    triggers: [(String, KeptSql); 3],
}

/// Returns the names of the triggers with their events.
fn trigger_names(entry: &Entry) -> [(String, &'static str); 3] {
    let notes = entry.notes_name();
    ["insert", "delete", "update"].map(|event| (format!("{notes}_{event}"), event))
}

impl Wanted {
    /// Builds the expected objects. A note stores the key as it is, which finds the row, and as the
    /// text that identifies the document: `A` and `a`, or 1 and 1.0, may be equal keys.
    ///
    /// `columns` are stored in a comment, so that a replaced column is noticed.
    fn of(entry: &Entry, watched: &FollowedTable, columns: &str) -> Self {
        let (table, key) = (&watched.table, quoted(&watched.key));
        let notes = entry.notes_name();
        // SQLite's conflict clause of the writing statement does not override an upsert.
        let note = |row: &str, also: &str| {
            format!(
                "INSERT INTO {notes} (key, document, number) \
                 SELECT {row}.{key}, {}, {NUMBER} \
                 WHERE {row}.{key} IS NOT NULL{also} \
                 ON CONFLICT (key, document) DO UPDATE SET number = excluded.number;",
                key_text(&format!("{row}.{key}"))
            )
        };
        let [old, new] = ["OLD", "NEW"].map(|row| key_text(&format!("{row}.{key}")));
        let moved = format!(" AND {old} IS NOT {new} COLLATE BINARY");
        let body = |event: &str| match event {
            "insert" => note("NEW", ""),
            "delete" => note("OLD", ""),
            _ => format!("{} {}", note("OLD", &moved), note("NEW", "")),
        };
        Self {
            notes: made(
                "TABLE",
                &notes,
                &format!(
                    " (/* {NOTES_VERSION}{COLUMNS}{columns}{COLUMNS_END} id INTEGER PRIMARY KEY, key, \
                     document TEXT, number INTEGER NOT NULL, UNIQUE (key, document))"
                ),
            ),
            triggers: trigger_names(entry).map(|(name, event)| {
                let (body, event) = (body(event), event.to_ascii_uppercase());
                let rest = format!(" AFTER {event} ON {table} BEGIN {body} END");
                let made = made("TRIGGER", &name, &rest);
                (name, made)
            }),
        }
    }
}

/// The delimiters of the columns.
const COLUMNS: &str = ", columns ";
const COLUMNS_END: &str = " */";

/// Returns the columns from the statement that created the notes.
fn columns_in(made: &str) -> Option<&str> {
    let (_, rest) = made.split_once(COLUMNS)?;
    let (columns, _) = rest.split_once(COLUMNS_END)?;
    Some(columns)
}

/// An object whose statement SQLite stores, without the schema.
struct KeptSql {
    kept: String,
    create: Sql<'static>,
}

fn made(what: &str, name: &str, rest: &str) -> KeptSql {
    KeptSql {
        kept: format!("CREATE {what} {name}{rest}"),
        create: Sql::once(format!("CREATE {what} main.{name}{rest}")),
    }
}

/// The objects found for a followed table.
#[derive(Default)]
struct FollowedState {
    /// The position of the table in `sqlite_master`.
    table: Option<i64>,
    /// The names and positions of its columns.
    columns: Vec<(String, i64)>,
    /// The position of the notes, and the statement that created them.
    notes: Option<(i64, String)>,
    /// The names of the triggers, and the statements that created them.
    triggers: Vec<(String, String)>,
    /// `true` if a trigger is on another table, because the followed table was renamed.
    moved: bool,
}

impl FollowedState {
    /// Returns the positions of the key and the fields among the table's columns.
    fn columns(&self, watched: &FollowedTable) -> String {
        let names = iter::once(&watched.key).chain(&watched.columns);
        let places = names.map(|name| {
            let mut columns = self.columns.iter();
            let found = columns.find(|(column, _)| column.eq_ignore_ascii_case(name));
            found.map_or_else(|| "-".to_owned(), |(_, place)| place.to_string())
        });
        places.collect::<Vec<_>>().join(" ")
    }

    /// Returns whether all triggers are as expected.
    fn has_triggers(&self, wanted: &Wanted) -> bool {
        wanted.triggers.iter().all(|(name, made)| {
            let mut found = self.triggers.iter();
            found.any(|(known, text)| known == name && *text == made.kept)
        })
    }
}

impl FollowEngine for Sqlite {
    fn has_table<C>(conn: &mut C, table: &str) -> QueryResult<bool>
    where
        C: BackendConnection<Backend = Self>,
    {
        let (_, table) = name::parts(table);
        let mut sql = Sql::new();
        sql.push("SELECT 1 FROM sqlite_master WHERE type = 'table' AND lower(name) = lower(");
        sql.bind(table).push(")");
        let mut rows = conn.load(sql)?;
        Ok(rows.next().transpose()?.is_some())
    }

    fn check_columns<C>(conn: &mut C, followed: &FollowedTable) -> QueryResult<()>
    where
        C: BackendConnection<Backend = Self>,
    {
        let table = tables::followed(followed);
        let sql = followed.select_nothing(&table, quoted);
        conn.load(sql)?.next().transpose().map(drop)
    }

    /// Compares the table, notes and triggers with the expected ones. Tables are listed in
    /// `sqlite_master` in the order of their creation, and dumps and VACUUM keep that order. A table
    /// that is newer than its notes is therefore not the one they refer to, even if the triggers were
    /// created again.
    fn examine<C>(conn: &mut C, entry: &Entry) -> QueryResult<Option<Mending>>
    where
        C: BackendConnection<Backend = Self>,
    {
        let Some(watched) = &entry.definition.table else {
            return Ok(None);
        };
        let found = find(conn, entry, watched)?;
        let columns = found.columns(watched);
        let wanted = Wanted::of(entry, watched, &columns);
        let cause = match &found.notes {
            Some((place, _)) if found.moved || found.table > Some(*place) => Cause::Table,
            Some((_, made)) => match columns_in(made) {
                _ if !made.contains(NOTES_VERSION) => Cause::Version,
                Some(followed) if followed != columns => Cause::Columns,
                _ if *made == wanted.notes.kept && found.has_triggers(&wanted) => return Ok(None),
                _ => Cause::Triggers,
            },
            None => Cause::Triggers,
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
        statements.extend(Self::note_all(entry));
        Ok(Some(Mending { cause, statements }))
    }

    fn note_all(entry: &Entry) -> Vec<Sql<'static>> {
        let Some(watched) = &entry.definition.table else {
            return Vec::new();
        };
        let (table, key) = (tables::followed(watched), quoted(&watched.key));
        let notes = entry.notes();
        vec![
            Sql::once(format!(
                "INSERT INTO {notes} (key, document, number) \
                 SELECT {key}, {}, {NUMBER} FROM {table} WHERE {key} IS NOT NULL \
                 ON CONFLICT (key, document) DO UPDATE SET number = excluded.number",
                key_text(&key)
            )),
            Sql::once(format!(
                "INSERT INTO {notes} (key, number) VALUES (NULL, {NUMBER})"
            )),
        ]
    }
}

fn find<C>(conn: &mut C, entry: &Entry, watched: &FollowedTable) -> QueryResult<FollowedState>
where
    C: BackendConnection<Backend = Sqlite>,
{
    let (_, table) = name::parts(&watched.table);
    let notes = entry.notes_name();
    let mut sql = Sql::new();
    sql.push("SELECT type, name, rowid, sql, lower(tbl_name) = lower(");
    sql.bind(table.clone());
    sql.push(") FROM sqlite_master WHERE type IN ('table', 'trigger') AND (name IN (");
    sql.bind(notes.clone());
    for (name, _) in trigger_names(entry) {
        sql.push(", ").bind(name);
    }
    sql.push(") OR type = 'table' AND lower(name) = lower(");
    sql.bind(table.clone()).push("))");
    sql.push(" UNION ALL SELECT 'column', name, cid, NULL, NULL FROM pragma_table_info(");
    sql.bind(table).push(", 'main')");
    let mut found = FollowedState::default();
    for row in conn.load(sql)? {
        let row = row?;
        let (Some(kind), Some(name), Some(place)) =
            (text(&row, 0), text(&row, 1), integer(&row, 2))
        else {
            continue;
        };
        let made = text(&row, 3).unwrap_or_default();
        let on_table = integer(&row, 4) == Some(1);
        match kind.as_str() {
            "column" => found.columns.push((name, place)),
            "trigger" => {
                found.moved |= !on_table;
                found.triggers.extend(on_table.then_some((name, made)));
            }
            _ if name == notes => found.notes = Some((place, made)),
            _ => found.table = Some(place),
        }
    }
    Ok(found)
}
