//! The function of a table's triggers.

use super::capture::{LoggedRelation, quoted};
use super::{ACTOR, MUTED, NUMBER_BITS};
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
}

impl LogNames {
    /// Returns an object of the log as SQL.
    pub(super) fn of(&self, object: &str) -> String {
        format!("{}.{object}", self.schema)
    }
}

/// The function: 1 marks, 2 the log, 3 its name as a literal, 4 columns, 5 setting, 6 sequence,
/// 7 class.
///
/// A write must not fail because of the log. So the function first looks, in a block that writes
/// nothing and therefore takes no number of a subtransaction, whether the log and the columns are
/// there. Without the columns it logs that all rows are to be read again. Without the log it does
/// nothing, and the next installation notices.
///
/// If the table has row triggers, which may write to the rows that the statement has written, this
/// one is a row trigger too, and comes first by its name.
fn body(table: &CapturedTable, found: &LoggedRelation, names: &LogNames) -> String {
    let log = names.of("__covara_changes");
    let (old_rows, new_rows) = if found.has_row_triggers {
        ("(SELECT OLD.*) AS r", "(SELECT NEW.*) AS r")
    } else {
        ("old_rows AS r", "new_rows AS r")
    };
    let listed: Vec<String> = found.columns.iter().map(|it| quoted(&it.name)).collect();
    let listed = listed.join(", ");
    let sequence = names.of("__covara_changes_number");
    let since = literal(&names.since);
    let of_table = literal(&table.name());
    let name = literal(&log);
    let is_empty = if found.has_row_triggers {
        String::new()
    } else {
        "IF TG_OP = 'DELETE' OR TG_OP = 'UPDATE' THEN
            IF NOT EXISTS (SELECT FROM old_rows) THEN RETURN NULL; END IF;
        ELSIF TG_OP = 'INSERT' THEN
            IF NOT EXISTS (SELECT FROM new_rows) THEN RETURN NULL; END IF;
        END IF;"
            .to_owned()
    };
    let insert =
        format!("INSERT INTO {log} (of_table, operation, key, old_row, new_row, at, actor)");
    let (old, new) = (rows(table, found, old_rows), rows(table, found, new_rows));
    format!(
        "
#variable_conflict use_column
-- Logs changes for covara-diesel. Version 1.
-- parts {mark}
DECLARE
    is_described_ boolean := true;
    since_ bigint;
    at_ CONSTANT bigint := CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint);
    actor_ CONSTANT text := nullif(current_setting('{ACTOR}', true), '');
BEGIN
    IF current_setting('{MUTED}', true) = 'on' THEN
        RETURN NULL;
    END IF;
    {is_empty}
    BEGIN
        IF NOT has_table_privilege({name}, 'INSERT') THEN
            RETURN NULL;
        END IF;
        PERFORM since_ FROM {sequence} LIMIT 0;
        IF TG_OP = 'DELETE' THEN
            PERFORM {listed} FROM {old_rows} LIMIT 0;
        ELSIF TG_OP <> 'TRUNCATE' THEN
            PERFORM {listed} FROM {new_rows} LIMIT 0;
        END IF;
    EXCEPTION
        WHEN undefined_column THEN is_described_ := false;
        WHEN undefined_table OR invalid_schema_name OR insufficient_privilege THEN RETURN NULL;
    END;
    IF coalesce(current_setting({since}, true), '') = '' THEN
        SELECT s.last_value INTO since_ FROM {sequence} AS s;
        PERFORM pg_advisory_xact_lock_shared(
            (CAST({class} AS bigint) << {NUMBER_BITS}) | since_
        );
        PERFORM set_config({since}, CAST(since_ AS text), true);
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
        class = names.class,
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
    let row = match table.capture {
        Capture::Rows => "CAST(row_to_json(v) AS text)",
        _ => "CAST(NULL AS text)",
    };
    format!(
        "(SELECT CAST(json_build_object({}) AS text) COLLATE \"C\" AS key, {row} AS row \
          FROM (SELECT {} FROM {source}) AS v)",
        key.join(", "),
        columns.join(", ")
    )
}

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
                 SET extra_float_digits = 1 SET bytea_output = hex AS {}",
                literal(body)
            ),
            format!("REVOKE ALL ON FUNCTION {sql}() FROM PUBLIC"),
        ]
    }
}

pub(super) fn function_name(id: i64) -> String {
    format!("__covara_changes_{id}")
}
