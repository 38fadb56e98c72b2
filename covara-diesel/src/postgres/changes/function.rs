//! The function of a table's triggers.

use super::capture::{LoggedRelation, quoted};
use super::{ACTOR, HIGHEST, MUTED, NUMBER_BITS, ROOM, channel};
use crate::changes::{Capture, CapturedTable};
use crate::postgres::names::literal;

/// The objects of the log, as functions name them.
#[derive(Debug, Clone)]
pub(super) struct LogNames {
    /// The schema as SQL.
    pub(super) schema: String,
    /// The class of its advisory locks.
    pub(super) class: i64,
    /// The setting of a transaction that has the lock.
    pub(super) since: String,
    /// `true` if transactions notify those that listen.
    pub(super) is_notifying: bool,
}

impl LogNames {
    /// Returns an object of the log as SQL.
    pub(super) fn of(&self, object: &str) -> String {
        format!("{}.{object}", self.schema)
    }
}

/// Returns the function's body.
///
/// A write must not fail because of the log. So the function first looks, in a block that writes
/// nothing and therefore takes no number of a subtransaction, whether the log and the columns are
/// there. Without the columns it logs that all rows are to be read again. Without the log it does
/// nothing, and the next installation notices.
///
/// If the table has row triggers, which may write to the rows that the statement has written, this
/// one is a row trigger too, and comes first by its name.
///
/// Any role can set any value of the settings, and take any advisory lock. So that nobody hides
/// changes who may not write to the log:
///
/// - the log is left out only if the session's role may write to it;
/// - the lock is taken by each statement, on no higher number than the last one. The setting only
///   keeps statements of one transaction on one lock;
/// - the function does not wait for who holds the lock of a number, and takes that of a lower one,
///   which makes readers wait a little more.
fn body(table: &CapturedTable, found: &LoggedRelation, names: &LogNames) -> String {
    let log = names.of("__covara_changes");
    let (old_rows, new_rows) = if found.has_row_triggers {
        ("(SELECT OLD.*) AS r", "(SELECT NEW.*) AS r")
    } else {
        ("old_rows AS r", "new_rows AS r")
    };
    let listed: Vec<String> = found.columns.iter().map(|it| quoted(&it.name)).collect();
    let listed = listed.join(", ");
    let sequence = literal(&names.of("__covara_changes_number"));
    let since = literal(&names.since);
    let of_table = literal(&table.name());
    let name = literal(&log);
    let notify = if names.is_notifying {
        format!("PERFORM pg_notify('{}', '');", channel(names.class))
    } else {
        String::new()
    };
    let insert =
        format!("INSERT INTO {log} (of_table, operation, key, old_row, new_row, at, actor)");
    let (old, new) = (rows(table, found, old_rows), rows(table, found, new_rows));
    format!(
        "
#variable_conflict use_column
-- Logs changes for covara-diesel. Version 2.
-- parts {mark}
DECLARE
    has_rows_ boolean := true;
    is_described_ boolean := true;
    earlier_ text := current_setting({since}, true);
    last_ bigint;
    since_ bigint;
    at_ CONSTANT bigint := CAST(date_part('epoch', clock_timestamp()) * 1000 AS bigint);
    actor_ CONSTANT text := nullif(current_setting('{ACTOR}', true), '');
BEGIN
    BEGIN
        IF NOT has_table_privilege({name}, 'INSERT')
            OR NOT has_sequence_privilege({sequence}, 'USAGE')
        THEN
            RETURN NULL;
        END IF;
        IF current_setting('{MUTED}', true) = 'on' THEN
            IF EXISTS (
                SELECT FROM pg_roles AS r
                WHERE r.rolname = CASE current_setting('role') WHEN 'none' THEN session_user
                        ELSE current_setting('role') END
                    AND has_table_privilege(r.oid, {name}, 'INSERT')
            ) THEN
                RETURN NULL;
            END IF;
        END IF;
        last_ := least(coalesce(pg_sequence_last_value({sequence}), 0), {HIGHEST});
        IF TG_OP = 'DELETE' THEN
            PERFORM {listed} FROM {old_rows} LIMIT 1;
            has_rows_ := FOUND;
        ELSIF TG_OP <> 'TRUNCATE' THEN
            PERFORM {listed} FROM {new_rows} LIMIT 1;
            has_rows_ := FOUND;
        END IF;
    EXCEPTION
        WHEN undefined_column THEN is_described_ := false;
        WHEN undefined_table OR invalid_schema_name OR insufficient_privilege THEN RETURN NULL;
    END;
    IF NOT has_rows_ THEN
        RETURN NULL;
    END IF;
    IF earlier_ ~ '^-?[0-9]{{1,18}}$' THEN
        since_ := greatest(least(CAST(earlier_ AS bigint), last_), -{ROOM});
    ELSE
        since_ := last_;
    END IF;
    WHILE since_ > -{ROOM} AND NOT pg_try_advisory_xact_lock_shared({first} + since_) LOOP
        since_ := since_ - 1;
    END LOOP;
    IF since_ = -{ROOM} THEN
        PERFORM pg_advisory_xact_lock_shared({first} + since_);
    END IF;
    IF earlier_ IS DISTINCT FROM CAST(since_ AS text) THEN
        earlier_ := set_config({since}, CAST(since_ AS text), true);
        {notify}
    END IF;
    IF TG_OP = 'TRUNCATE' OR NOT is_described_ THEN
        {insert} VALUES ({of_table}, 'all', NULL, NULL, NULL, at_, actor_);
    ELSIF TG_OP = 'INSERT' THEN
        {insert} SELECT {of_table}, 'insert', n.key, NULL, n.row, at_, actor_ FROM {new} AS n;
    ELSIF TG_OP = 'DELETE' THEN
        {insert} SELECT {of_table}, 'delete', o.key, o.row, NULL, at_, actor_ FROM {old} AS o;
    ELSE
        {insert}
        SELECT {of_table},
            CASE WHEN n.key IS NULL THEN 'delete' WHEN o.key IS NULL THEN 'insert' ELSE 'update' END,
            coalesce(n.key, o.key), o.row, n.row, at_, actor_
        FROM {old} AS o FULL JOIN {new} AS n ON o.key = n.key
        ORDER BY n.key IS NOT NULL;
    END IF;
    RETURN NULL;
END",
        mark = found.mark(),
        first = (names.class << NUMBER_BITS) + ROOM,
    )
}

/// Returns a subquery for the keys of rows, and the rows themselves if they are kept, as JSON.
fn rows(table: &CapturedTable, found: &LoggedRelation, source: &str) -> String {
    let is_kept = |name: &String| table.capture == Capture::Rows || found.key.contains(name);
    let columns = found.columns.iter().filter(|column| is_kept(&column.name));
    let columns: Vec<String> = columns
        .map(|column| format!("{} AS {}", column.value, quoted(&column.name)))
        .collect();
    let key: Vec<String> = found
        .key
        .iter()
        .map(|name| format!("{}, v.{}", literal(name), quoted(name)))
        .collect();
    let long = found.columns.iter().filter(|column| column.may_be_long);
    let size: Vec<String> = long
        .map(|column| {
            format!(
                "CAST(coalesce(octet_length(v.{}), 0) AS bigint)",
                quoted(&column.name)
            )
        })
        .collect();
    // Not `v`, which may be a column.
    let whole = "CAST(row_to_json(v.*) AS text)";
    let row = match table.capture {
        Capture::Rows if size.is_empty() => whole.to_owned(),
        Capture::Rows => format!("CASE WHEN {} <= {MOST} THEN {whole} END", size.join(" + ")),
        _ => "CAST(NULL AS text)".to_owned(),
    };
    format!(
        "(SELECT CAST(json_build_object({}) AS text) COLLATE \"C\" AS key, {row} AS row \
          FROM (SELECT {} FROM {source}) AS v)",
        key.join(", "),
        columns.join(", ")
    )
}

/// Bytes of the texts and blobs of a row above which it is left out. Six times as many are the most
/// that JSON makes of them, and an update has two rows, of which the server takes 1 GiB.
const MOST: i64 = 80_000_000;

/// Settings of the function, so that values do not depend on those of the session that writes.
pub(super) const SETTINGS: [(&str, &str); 4] = [
    ("bytea_output", "hex"),
    ("DateStyle", "ISO, MDY"),
    ("IntervalStyle", "postgres"),
    ("TimeZone", "UTC"),
];

/// A function as it must be.
pub(super) struct WantedFunction {
    /// The name as SQL, without parentheses.
    pub(super) sql: String,
    pub(super) name: String,
    pub(super) body: String,
}

impl WantedFunction {
    pub(super) fn of(
        table: &CapturedTable,
        found: &LoggedRelation,
        names: &LogNames,
        id: i64,
    ) -> Self {
        let name = function_name(id);
        Self {
            sql: names.of(&name),
            name,
            body: body(table, found, names),
        }
    }

    /// Returns statements that create or replace it.
    pub(super) fn create(&self) -> [String; 2] {
        let Self { sql, body, .. } = self;
        [
            format!(
                "CREATE OR REPLACE FUNCTION {sql}() RETURNS trigger LANGUAGE plpgsql \
                 SECURITY DEFINER SET search_path = pg_catalog, pg_temp \
                 SET extra_float_digits = 1 {} AS {}",
                SETTINGS
                    .map(|(name, value)| format!("SET {name} = '{value}'"))
                    .join(" "),
                literal(body)
            ),
            format!("REVOKE ALL ON FUNCTION {sql}() FROM PUBLIC"),
        ]
    }
}

pub(super) fn function_name(id: i64) -> String {
    format!("__covara_changes_{id}")
}
