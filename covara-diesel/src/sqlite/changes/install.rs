//! Compares the log and its triggers with the expected ones.

use std::collections::HashMap;

use diesel::QueryResult;
use diesel::sqlite::Sqlite;

use super::triggers::{self, LoggedColumns, WantedTrigger};
use super::values::{LoggedColumn, literal};
use crate::backend::connection::BackendConnection;
use crate::backend::sql::{Sql, integer, text};
use crate::changes::{CapturedTable, ChangeError, InstallPlan, OFF};
use crate::sqlite::name;

/// The tables of the log, the one with the changes first.
const TABLES: [(&str, &str); 4] = [
    (
        "__covara_changes",
        "number INTEGER PRIMARY KEY, of_table TEXT NOT NULL, operation TEXT NOT NULL, key TEXT, \
         old_row TEXT, new_row TEXT, at INTEGER NOT NULL, actor TEXT",
    ),
    (
        "__covara_changes_state",
        "id INTEGER PRIMARY KEY, floor INTEGER NOT NULL, actor TEXT, \
         muted INTEGER NOT NULL DEFAULT 0",
    ),
    (
        "__covara_changes_tables",
        "name TEXT PRIMARY KEY NOT NULL, capture TEXT NOT NULL",
    ),
    (
        "__covara_changes_feeds",
        "name TEXT PRIMARY KEY NOT NULL, number INTEGER NOT NULL",
    ),
];

/// A query that has a row if the log is [sound](FoundLog::is_sound).
const SOUND: &str = "SELECT s.floor FROM __covara_changes_state AS s \
     WHERE s.id = 1 AND s.actor IS NULL AND NOT s.muted \
         AND max(s.floor, ifnull((SELECT max(f.number) FROM __covara_changes_feeds AS f), 0)) \
             <= ifnull((SELECT max(c.number) FROM __covara_changes AS c), 0)";

/// Makes the log sound. Numbers go on after a row that has the last one, which nobody reads.
const MEND: [&str; 3] = [
    "INSERT INTO __covara_changes_state (id, floor) VALUES (1, 0) ON CONFLICT (id) DO NOTHING",
    "UPDATE __covara_changes_state SET actor = NULL, muted = 0, \
         floor = CASE WHEN ifnull((SELECT max(f.number) FROM __covara_changes_feeds AS f), 0) \
                 > ifnull((SELECT max(c.number) FROM __covara_changes AS c), 0) \
             THEN max(floor, (SELECT max(f.number) FROM __covara_changes_feeds AS f)) \
             ELSE floor END",
    "INSERT INTO __covara_changes (number, of_table, operation, at) \
         SELECT s.floor, '', 'all', 0 FROM __covara_changes_state AS s \
         WHERE s.id = 1 \
             AND s.floor > ifnull((SELECT max(c.number) FROM __covara_changes AS c), 0)",
];

/// The objects of the log that the database has.
#[derive(Default)]
struct FoundLog {
    tables: Vec<String>,
    /// The statements that created triggers, by their names.
    triggers: HashMap<String, String>,
    /// Triggers before which others run, which are younger: SQLite begins with the youngest.
    late: Vec<String>,
    /// What is kept of each table, by its name.
    captured: HashMap<String, String>,
    /// `true` if the state is known and nothing is left of a transaction in it, and the log goes as
    /// far as its feeds have read.
    is_sound: bool,
}

pub(super) fn plan<C>(conn: &mut C, tables: &[CapturedTable]) -> Result<InstallPlan, ChangeError>
where
    C: BackendConnection<Backend = Sqlite>,
{
    let found = find(conn)?;
    let mut plan = InstallPlan::default();
    let is_broken = create_tables(&found, &mut plan);
    let mut kept = Vec::new();
    for table in tables {
        let wanted = triggers::wanted(table, &columns(conn, table)?, conn.is_remote());
        bring_up_to_date(&found, table, &wanted, is_broken, &mut plan);
        kept.extend(wanted.map(|trigger| trigger.name));
    }
    for name in found.triggers.keys().filter(|name| !kept.contains(name)) {
        plan.statements.push(drop_trigger(name));
    }
    let names: Vec<String> = tables.iter().map(CapturedTable::name).collect();
    for (name, capture) in &found.captured {
        if capture != OFF && !names.contains(name) {
            plan.statements.push(remember(name, OFF));
            plan.removed.push(name.clone());
        }
    }
    plan.removed.sort();
    Ok(plan)
}

/// Creates the missing tables, and returns whether changes may be missing for that reason.
fn create_tables(found: &FoundLog, plan: &mut InstallPlan) -> bool {
    let is_missing = |name: &str| !found.tables.iter().any(|table| table == name);
    for (name, columns) in TABLES.iter().filter(|(name, _)| is_missing(name)) {
        let create = format!("CREATE TABLE main.{name} ({columns})");
        plan.statements.push(Sql::once(create));
    }
    if !found.is_sound {
        plan.statements.extend(MEND.map(Sql::once));
    }
    !found.is_sound
}

fn bring_up_to_date(
    found: &FoundLog,
    table: &CapturedTable,
    wanted: &[WantedTrigger],
    is_broken: bool,
    plan: &mut InstallPlan,
) {
    let name = table.name();
    let known = found.captured.get(&name);
    let is_intact = wanted
        .iter()
        .all(|trigger| found.triggers.get(&trigger.name) == Some(&trigger.kept))
        && !wanted
            .iter()
            .any(|trigger| found.late.contains(&trigger.name));
    if is_intact && !is_broken && known.is_some_and(|capture| capture == table.capture.name()) {
        return;
    }
    for trigger in wanted {
        if found.triggers.contains_key(&trigger.name) {
            plan.statements.push(drop_trigger(&trigger.name));
        }
        plan.statements.push(Sql::once(trigger.create.clone()));
    }
    if known.is_some() {
        plan.statements.push(Sql::once(triggers::all(&name)));
    }
    plan.statements.push(remember(&name, table.capture.name()));
    match known {
        Some(capture) if capture != OFF => plan.mended.push(name),
        _ => plan.added.push(name),
    }
}

fn drop_trigger(trigger: &str) -> Sql<'static> {
    Sql::once(format!("DROP TRIGGER main.{}", name::quoted(None, trigger)))
}

fn remember(table: &str, capture: &str) -> Sql<'static> {
    Sql::once(format!(
        "INSERT INTO __covara_changes_tables (name, capture) VALUES ({}, '{capture}') \
         ON CONFLICT (name) DO UPDATE SET capture = excluded.capture",
        literal(table)
    ))
}

fn find<C>(conn: &mut C) -> QueryResult<FoundLog>
where
    C: BackendConnection<Backend = Sqlite>,
{
    let mut found = FoundLog::default();
    let objects = Sql::once(
        "SELECT type, name, sql FROM sqlite_master WHERE type IN ('table', 'trigger') \
         AND name >= '__covara_changes' AND name < '__covara_changet'",
    );
    for row in conn.load(objects)? {
        let row = row?;
        let (Some(kind), Some(name)) = (text(&row, 0), text(&row, 1)) else {
            continue;
        };
        if kind == "table" {
            found.tables.push(name);
        } else {
            found
                .triggers
                .insert(name, text(&row, 2).unwrap_or_default());
        }
    }
    let late = Sql::once(
        "SELECT g.name FROM sqlite_master AS g WHERE g.type = 'trigger' \
         AND g.name >= '__covara_changes' AND g.name < '__covara_changet' AND EXISTS (\
             SELECT 1 FROM sqlite_master AS o WHERE o.type = 'trigger' AND o.rowid > g.rowid \
                 AND o.tbl_name = g.tbl_name \
                 AND (o.name < '__covara_' OR o.name >= '__covara`'))",
    );
    for row in conn.load(late)? {
        found.late.extend(text(&row?, 0));
    }
    let has = |name: &str| found.tables.iter().any(|table| table == name);
    if has("__covara_changes_tables") {
        let tables = Sql::once("SELECT name, capture FROM __covara_changes_tables");
        for row in conn.load(tables)? {
            let row = row?;
            if let (Some(name), Some(capture)) = (text(&row, 0), text(&row, 1)) {
                found.captured.insert(name, capture);
            }
        }
    }
    if TABLES.iter().all(|(name, _)| has(name)) {
        found.is_sound = conn.load(Sql::once(SOUND))?.next().transpose()?.is_some();
    }
    Ok(found)
}

fn columns<C>(conn: &mut C, table: &CapturedTable) -> Result<LoggedColumns, ChangeError>
where
    C: BackendConnection<Backend = Sqlite>,
{
    let no_table = || ChangeError::NoTable {
        table: table.name(),
    };
    if table.schema.as_ref().is_some_and(|schema| schema != "main") {
        return Err(no_table());
    }
    let mut sql = Sql::new();
    sql.push(
        "SELECT c.name, upper(c.type), c.pk, t.name FROM sqlite_master AS t, pragma_table_xinfo(t.name) AS c \
         WHERE t.type = 'table' AND t.sql NOT LIKE 'create virtual%' AND lower(t.name) = lower(",
    );
    sql.bind(&*table.table);
    sql.push(") ORDER BY c.cid");
    let mut columns = LoggedColumns::default();
    let mut key = Vec::new();
    for row in conn.load(sql)? {
        let row = row?;
        let Some(name) = text(&row, 0) else { continue };
        columns.table = text(&row, 3).unwrap_or_default();
        let column = LoggedColumn {
            name,
            declared: text(&row, 1).unwrap_or_default(),
        };
        if let Some(place) = integer(&row, 2).filter(|place| *place > 0) {
            key.push((place, column.clone()));
        }
        columns.all.push(column);
    }
    if columns.all.is_empty() {
        return Err(no_table());
    }
    if key.is_empty() {
        return Err(ChangeError::NoKey {
            table: table.name(),
        });
    }
    key.sort_by_key(|(place, _)| *place);
    columns.key = key.into_iter().map(|(_, column)| column).collect();
    Ok(columns)
}
