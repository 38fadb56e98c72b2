//! The unique keys of a table, and what a seed asks about conflicts.

use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel::sqlite::Sqlite;

use super::place::Place;
use super::unique_indexes;
use crate::backend::answer::Answer;
use crate::backend::connection::BackendConnection;
use crate::seed::conflict::FoundKey;

pub(super) fn unique_keys<C>(conn: &mut C, table: &str) -> QueryResult<Vec<FoundKey>>
where
    C: BackendConnection<Backend = Sqlite>,
{
    let indexes = unique_indexes::of_table(conn, table)?.into_iter();
    let keys = indexes
        .filter(|index| !index.is_partial)
        .filter_map(|index| {
            Some(FoundKey {
                columns: index.columns.into_iter().collect::<Option<_>>()?,
                is_primary: index.is_primary,
                is_deferrable: false,
                nulls_are_equal: false,
            })
        });
    Ok(keys.collect())
}

const IS_TRIGGER: &str = "type = 'trigger'";
const HAS_CLAUSE: &str = "type = 'table' AND instr(lower(sql), 'conflict') > 0";

/// Returns whether a table may have a conflict clause.
pub(super) fn has_conflict_clauses<C>(conn: &mut C, table: &str) -> QueryResult<bool>
where
    C: BackendConnection<Backend = Sqlite>,
{
    describes(conn, table, HAS_CLAUSE)
}

/// Returns whether a table has triggers, or may have a conflict clause.
pub(super) fn has_triggers_or_clauses<C>(conn: &mut C, table: &str) -> QueryResult<bool>
where
    C: BackendConnection<Backend = Sqlite>,
{
    describes(conn, table, &format!("({IS_TRIGGER} OR {HAS_CLAUSE})"))
}

/// Returns whether a table has triggers. All of SQLite's are for rows.
pub(super) fn has_triggers<C>(conn: &mut C, table: &str) -> QueryResult<bool>
where
    C: BackendConnection<Backend = Sqlite>,
{
    describes(conn, table, IS_TRIGGER)
}

/// Returns whether what the database knows about a table meets a condition. The trigger of a
/// temporary table of the same name counts as one of the table.
fn describes<C>(conn: &mut C, table: &str, condition: &str) -> QueryResult<bool>
where
    C: BackendConnection<Backend = Sqlite>,
{
    let place = Place::of(conn, table)?;
    let query = format!(
        "SELECT EXISTS (SELECT 1 FROM (SELECT type, tbl_name, sql FROM {}
                        UNION ALL SELECT type, tbl_name, sql FROM sqlite_temp_master
                        WHERE type = 'trigger')
                        WHERE tbl_name = ?1 COLLATE NOCASE AND {condition}) AS yes",
        place.master()
    );
    let answer = diesel::sql_query(query).bind::<Text, _>(place.table);
    Ok(answer.get_result::<Answer>(conn)?.yes)
}

/// Compares bytes, whatever the collations of the columns, and types: 1 and 1.0 are equal.
pub(super) fn differs(columns: &[String]) -> String {
    let columns = columns.iter();
    let conditions = columns.map(|it| {
        format!(
            "present.{it} COLLATE BINARY IS NOT excluded.{it} \
             OR typeof(present.{it}) <> typeof(excluded.{it})"
        )
    });
    let conditions: Vec<String> = conditions.collect();
    conditions.join(" OR ")
}
