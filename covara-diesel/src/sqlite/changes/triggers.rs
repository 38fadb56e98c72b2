//! The triggers of a logged table.

use super::values::{LoggedColumn, literal, object, size};
use crate::changes::{Capture, CapturedTable};
use crate::sqlite::name;

/// The time in milliseconds.
const NOW: &str = "CAST((julianday('now') - 2440587.5) * 86400000.0 + 0.5 AS INTEGER)";

/// A trigger, as SQLite is told to create it and as it keeps the statement.
pub(super) struct WantedTrigger {
    pub(super) name: String,
    pub(super) kept: String,
    pub(super) create: String,
}

/// The columns of a table as its triggers need them.
#[derive(Debug, Default)]
pub(super) struct LoggedColumns {
    /// The name of the table as SQLite keeps it, which may differ in capitals.
    pub(super) table: String,
    pub(super) all: Vec<LoggedColumn>,
    /// Those of the primary key.
    pub(super) key: Vec<LoggedColumn>,
}

/// Characters of the texts and bytes of the blobs of a change above which it has no rows. Six times as
/// many are the most that JSON makes of them, and SQLite takes 1,000,000,000 bytes a row.
const MOST: i64 = 150_000_000;

/// The same on a server: D1 takes 2,000,000 bytes a row.
const MOST_ON_SERVER: i64 = 300_000;

pub(super) fn wanted(
    table: &CapturedTable,
    columns: &LoggedColumns,
    is_remote: bool,
) -> [WantedTrigger; 4] {
    let most = if is_remote { MOST_ON_SERVER } else { MOST };
    let entry = |operation: &str, key: &str, old: bool, new: bool| {
        let kept = [("OLD", old), ("NEW", new)];
        let kept = kept.iter().filter(|(_, is_kept)| *is_kept);
        let size: Vec<String> = kept
            .filter_map(|(of, _)| size(of, columns.all.iter()))
            .collect();
        let row = |of: &str, is_kept: bool| match table.capture {
            Capture::Rows if is_kept && size.is_empty() => object(of, columns.all.iter()),
            Capture::Rows if is_kept => format!(
                "CASE WHEN {} <= {most} THEN {} END",
                size.join(" + "),
                object(of, columns.all.iter())
            ),
            _ => "NULL".to_owned(),
        };
        entry(
            &table.name(),
            operation,
            &object(key, columns.key.iter()),
            [&row("OLD", old), &row("NEW", new)],
        )
    };
    let same: Vec<String> = columns
        .key
        .iter()
        .map(|column| {
            let column = name::quoted(None, &column.name);
            format!("OLD.{column} IS NEW.{column} COLLATE BINARY")
        })
        .collect();
    let same = same.join(" AND ");
    let deleted = entry("delete", "OLD", true, false);
    let inserted = entry("insert", "NEW", false, true);
    [
        ("insert", "INSERT", String::new(), inserted.clone()),
        (
            "update",
            "UPDATE",
            format!(" WHEN {same}"),
            entry("update", "NEW", true, true),
        ),
        (
            "move",
            "UPDATE",
            format!(" WHEN NOT ({same})"),
            format!("{deleted} {inserted}"),
        ),
        ("delete", "DELETE", String::new(), deleted),
    ]
    .map(|(event, on, when, body)| {
        let name = trigger_name(&columns.table, event);
        let of = name::quoted(None, &columns.table);
        let quoted = name::quoted(None, &name);
        let rest = format!("{quoted} AFTER {on} ON {of}{when} BEGIN {body} END");
        WantedTrigger {
            name,
            kept: format!("CREATE TRIGGER {rest}"),
            create: format!("CREATE TRIGGER main.{rest}"),
        }
    })
}

fn trigger_name(table: &str, event: &str) -> String {
    format!("__covara_changes_{table}_{event}")
}

/// Returns a statement of a trigger, which may not fail. SQLite numbers the row: one more than the
/// highest number in the table, whose last row is therefore never removed.
fn entry(table: &str, operation: &str, key: &str, [old, new]: [&str; 2]) -> String {
    format!(
        "INSERT INTO __covara_changes (of_table, operation, key, old_row, new_row, at, actor) \
         SELECT {}, '{operation}', {key}, {old}, {new}, {NOW}, s.actor \
         FROM __covara_changes_state AS s WHERE s.id = 1 AND NOT s.muted;",
        literal(table)
    )
}

/// Returns a statement that logs that all rows of a table are to be read again.
pub(super) fn all(table: &str) -> String {
    format!(
        "INSERT INTO __covara_changes (of_table, operation, at) VALUES ({}, 'all', {NOW})",
        literal(table)
    )
}
