//! The foreign keys of a seed's tables, deferred to the end of its transaction.

use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Integer, Nullable, Text};
use diesel::sqlite::Sqlite;

use super::declared::deferred_keys;
use super::place::{self, Place};
use super::{keys, name};
use crate::backend::answer::{Answer, holds};
use crate::backend::connection::BackendConnection;
use crate::seed::deferral::{Dangling, Deferral};
use crate::seed::foreign_key::ForeignKey;

/// `PRAGMA defer_foreign_keys` (<https://sqlite.org/pragma.html#pragma_defer_foreign_keys>), which
/// `COMMIT` and `ROLLBACK` switch off. Switching it off by hand forgets the violations.
///
/// The seed switches it off by hand all the same, even after the end of the transaction: a statement
/// that was prepared while it was on is prepared again only then. Before, a single row that it
/// inserts and that violates a foreign key is an error and stays in the table. The caller may have
/// switched it on as well, so a seed switches it off before its first row, too.
///
/// A single row that violates an immediate foreign key is an error, but if it has violated a
/// deferred one before, that stays counted, and the transaction cannot commit. Where a table may
/// have both, the checks are deferred from its first row on.
///
/// SQLite counts what is violated while the pragma is on apart from what was violated before, but
/// looks for satisfied rows only if its counters are not 0. So if a row of the caller's waits, and
/// the seed satisfies it among rows that refer to later ones, the caller's `COMMIT` may be refused
/// although nothing is violated.
#[derive(Debug)]
pub(super) struct DeferForeignKeys;

/// Separates the values of rows in a text that the database returns.
const SEPARATOR: char = '\u{1f}';

/// Values that such a text has at most.
const VALUES: usize = 100;

/// The name of rows in a query, which hides a table of that name.
const NEW: &str = "__covara_new";

/// The condition that the checks are deferred.
const IS_ON: &str = "(SELECT defer_foreign_keys FROM pragma_defer_foreign_keys)";

#[derive(QueryableByName)]
struct Violations {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

#[derive(QueryableByName)]
struct Unsatisfied {
    #[diesel(sql_type = BigInt)]
    position: i64,
}

impl<C: BackendConnection<Backend = Sqlite>> Deferral<C> for DeferForeignKeys {
    /// Statements that a server keeps are its own.
    fn clear(&self, conn: &mut C, is_savepoint: bool) -> QueryResult<()> {
        if conn.is_remote() || is_savepoint && holds(conn, IS_ON)? {
            return Ok(());
        }
        self.cancel(conn)
    }

    fn begin(&self) -> &'static str {
        "PRAGMA defer_foreign_keys = ON"
    }

    fn miscounts(&self, conn: &mut C, table: &str) -> QueryResult<bool> {
        let place = Place::of(conn, table)?;
        let query = format!("SELECT {} AS yes", may_defer(&place));
        let query = diesel::sql_query(query).bind::<Text, _>(place.table);
        Ok(query.get_result::<Answer>(conn)?.yes)
    }

    fn dangling(
        &self,
        conn: &mut C,
        table: &str,
        columns: &[String],
        keys: &[ForeignKey],
        rows: &dyn QueryFragment<Sqlite>,
        all_inserted: bool,
    ) -> QueryResult<Vec<Dangling>> {
        let quoted: Vec<String> = columns.iter().map(|it| name::quoted(None, it)).collect();
        let is_present = match all_inserted {
            true => String::new(),
            false => format!(
                " AND EXISTS (SELECT 1 FROM {table} AS present WHERE {})",
                list(quoted.iter().enumerate(), " AND ", |(at, column)| {
                    format!("present.{column} IS new.f{at}")
                })
            ),
        };
        let of_keys: Vec<String> = keys
            .iter()
            .enumerate()
            .filter_map(|(position, key)| {
                // A column that is not seeded has a default, which only the table knows.
                let at = |column: &String| {
                    let found = quoted.iter().position(|it| it.eq_ignore_ascii_case(column));
                    found.map(|at| format!("new.f{at}"))
                };
                let values: Vec<String> = key.columns.iter().map(at).collect::<Option<_>>()?;
                Some(format!(
                    "SELECT n, {position}, {} FROM {NEW} AS new WHERE {}{is_present}",
                    as_text(&values),
                    refers_to_nothing(key, &values)
                ))
            })
            .collect();
        if of_keys.is_empty() {
            return Ok(Vec::new());
        }
        let names = list(0..columns.len(), ", ", |at| format!("f{at}"));
        let found = DanglingRows {
            before: format!("WITH {NEW} (n, {names}) AS (VALUES "),
            rows,
            after: format!(") {} ORDER BY 1", of_keys.join(" UNION ALL ")),
        }
        .load::<(i64, i32, String)>(conn)?;
        let found = found.into_iter().filter_map(|(row, key, values)| {
            Some(Dangling {
                row: row.try_into().ok()?,
                key: key.try_into().ok()?,
                values,
            })
        });
        Ok(found.collect())
    }

    fn unsatisfied(
        &self,
        conn: &mut C,
        key: &ForeignKey,
        values: &[&str],
    ) -> QueryResult<Vec<usize>> {
        let of_rows = list(values.iter().enumerate(), ", ", |(at, values)| {
            format!("({at}, {values})")
        });
        let columns: Vec<String> = (0..key.columns.len())
            .map(|at| format!("new.f{at}"))
            .collect();
        let query = format!(
            "WITH {NEW} (n, {}) AS (VALUES {of_rows})
             SELECT n AS position FROM {NEW} AS new WHERE {}",
            list(0..key.columns.len(), ", ", |at| format!("f{at}")),
            refers_to_nothing(key, &columns)
        );
        let found = diesel::sql_query(query).load::<Unsatisfied>(conn)?;
        let found = found.into_iter();
        Ok(found.filter_map(|it| it.position.try_into().ok()).collect())
    }

    fn is_stored(
        &self,
        conn: &mut C,
        table: &str,
        key: &ForeignKey,
        values: &str,
    ) -> QueryResult<bool> {
        let condition = has_any(table, key, values);
        holds(conn, &condition)
    }

    fn end(&self, conn: &mut C, tables: &[String], everywhere: bool) -> QueryResult<()> {
        let mut has_triggers = everywhere;
        for table in tables {
            let place = Place::of(conn, table)?;
            // A row that waited before the seed, and that a row of the seed has satisfied, is
            // counted as satisfied only while the deferral lasts.
            let defers = format!("EXISTS (SELECT 1 FROM {} WHERE {DEFERRED})", place.master());
            if holds(conn, &defers)? {
                return Ok(());
            }
            has_triggers |= keys::has_triggers(conn, table)?;
            let left = diesel::sql_query(
                "SELECT EXISTS (SELECT 1 FROM pragma_foreign_key_check(?1, ?2)) AS yes",
            )
            .bind::<Text, _>(&place.table)
            .bind::<Nullable<Text>, _>(&place.schema)
            .get_result::<Answer>(conn)?;
            if left.yes {
                return Ok(());
            }
        }
        // They may have violated the foreign keys of any table.
        if has_triggers && self.violations(conn)? > 0 {
            return Ok(());
        }
        self.cancel(conn)
    }

    fn may_violate(&self, conn: &mut C) -> QueryResult<bool> {
        let schemas = place::schemas(conn)?.into_iter();
        let defers = list(schemas, " OR ", |schema| {
            let master = place::master(Some(&schema));
            format!("EXISTS (SELECT 1 FROM {master} WHERE {DEFERRED})")
        });
        let checks = "(SELECT foreign_keys FROM pragma_foreign_keys)";
        holds(conn, &format!("{checks} AND ({IS_ON} OR {defers})"))
    }

    /// libSQL's server finds nothing if the schema is a column of another table in the query.
    fn violations(&self, conn: &mut C) -> QueryResult<i64> {
        let schemas = place::schemas(conn)?.into_iter();
        let counts = list(schemas, " + ", |schema| {
            let schema = schema.replace('\'', "''");
            format!("(SELECT count(*) FROM pragma_foreign_key_check(NULL, '{schema}'))")
        });
        let query = diesel::sql_query(format!("SELECT {counts} AS number"));
        Ok(query.get_result::<Violations>(conn)?.number)
    }

    fn cancel(&self, conn: &mut C) -> QueryResult<()> {
        conn.batch_execute("PRAGMA defer_foreign_keys = OFF")
    }

    fn dangling_values(&self, table: &str, key: &ForeignKey) -> String {
        let columns: Vec<String> = key.columns.iter().map(|it| format!("new.{it}")).collect();
        format!(
            "(SELECT group_concat(v, char({})) FROM (SELECT DISTINCT {} AS v FROM {table} AS new
              WHERE {} LIMIT {VALUES}))",
            u32::from(SEPARATOR),
            as_text(&columns),
            refers_to_nothing(key, &columns)
        )
    }

    fn condition(&self, table: &str, key: &ForeignKey, values: &str) -> String {
        has_any(table, key, values)
    }
}

/// Returns the condition that `table` has a row with any of these values of a foreign key.
fn has_any(table: &str, key: &ForeignKey, values: &str) -> String {
    let of_rows = list(values.split(SEPARATOR), ", ", |values| {
        format!("({values})")
    });
    let columns = key.columns.join(", ");
    format!("EXISTS (SELECT 1 FROM {table} WHERE ({columns}) IN (VALUES {of_rows}))")
}

/// The condition that a table's definition may defer a foreign key.
const DEFERRED: &str = "type IN ('table', 'view') AND instr(lower(sql), 'deferred') > 0";

/// Returns the condition that a table, named by the first bind, may defer a foreign key.
fn may_defer(place: &Place) -> String {
    format!(
        "EXISTS (SELECT 1 FROM {} WHERE name = ?1 COLLATE NOCASE AND {DEFERRED})",
        place.master()
    )
}

fn list<I: Iterator>(items: I, between: &str, text: impl FnMut(I::Item) -> String) -> String {
    items.map(text).collect::<Vec<_>>().join(between)
}

/// Returns an expression for values as a text that is SQL again.
fn as_text(values: &[String]) -> String {
    list(values.iter(), " || ', ' || ", |value| {
        format!("quote({value})")
    })
}

/// Returns the condition that there is no row with these values of a foreign key, none of which is
/// NULL.
fn refers_to_nothing(key: &ForeignKey, values: &[String]) -> String {
    let no_null = list(values.iter(), " AND ", |value| {
        format!("{value} IS NOT NULL")
    });
    let pairs = key.parent_columns.iter().zip(values);
    let equal = list(pairs, " AND ", |(column, value)| {
        format!("parent.{column} = {value}")
    });
    let parent = &key.parent;
    format!("{no_null} AND NOT EXISTS (SELECT 1 FROM {parent} AS parent WHERE {equal})")
}

/// A query about the values of rows, as they are given to an insert.
struct DanglingRows<'r> {
    before: String,
    rows: &'r dyn QueryFragment<Sqlite>,
    after: String,
}

impl QueryId for DanglingRows<'_> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl QueryFragment<Sqlite> for DanglingRows<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql(&self.before);
        self.rows.walk_ast(out.reborrow())?;
        out.push_sql(&self.after);
        Ok(())
    }
}

impl Query for DanglingRows<'_> {
    type SqlType = (BigInt, Integer, Text);
}

impl<C> RunQueryDsl<C> for DanglingRows<'_> {}

#[derive(QueryableByName)]
struct KeyColumn {
    #[diesel(sql_type = Integer)]
    id: i32,
    #[diesel(sql_type = Text)]
    parent: String,
    #[diesel(sql_type = Text)]
    own: String,
    #[diesel(sql_type = Nullable<Text>)]
    referenced: Option<String>,
}

#[derive(QueryableByName)]
struct Definition {
    #[diesel(sql_type = Nullable<Text>)]
    sql: Option<String>,
}

#[derive(QueryableByName)]
struct PrimaryKey {
    #[diesel(sql_type = Text)]
    name: String,
}

/// Returns the foreign keys of each of the tables.
pub(super) fn foreign_keys<C>(conn: &mut C, tables: &[String]) -> QueryResult<Vec<Vec<ForeignKey>>>
where
    C: BackendConnection<Backend = Sqlite>,
{
    let places = tables.iter().map(|table| Place::of(conn, table));
    let places = places.collect::<QueryResult<Vec<_>>>()?;
    let mut all: Vec<Vec<ForeignKey>> = Vec::new();
    for (at, table) in tables.iter().enumerate() {
        let known = tables[..at].iter().position(|other| other == table);
        let keys = match known.and_then(|known| all.get(known)) {
            Some(keys) => keys.clone(),
            None => keys_of_table(conn, &places[at], &places)?,
        };
        all.push(keys);
    }
    Ok(all)
}

/// Returns the statement that created a table.
fn definition<C>(conn: &mut C, place: &Place) -> QueryResult<String>
where
    C: BackendConnection<Backend = Sqlite>,
{
    let found = diesel::sql_query(format!(
        "SELECT sql AS sql FROM {} WHERE type = 'table' AND name = ?1 COLLATE NOCASE",
        place.master()
    ))
    .bind::<Text, _>(&place.table)
    .get_result::<Definition>(conn)
    .optional()?;
    Ok(found.and_then(|found| found.sql).unwrap_or_default())
}

fn keys_of_table<C>(conn: &mut C, place: &Place, seeded: &[Place]) -> QueryResult<Vec<ForeignKey>>
where
    C: BackendConnection<Backend = Sqlite>,
{
    let columns = diesel::sql_query(
        "SELECT k.id AS id, k.\"table\" AS parent, k.\"from\" AS own, k.\"to\" AS referenced
         FROM pragma_foreign_key_list(?1, ?2) AS k ORDER BY k.id, k.seq",
    )
    .bind::<Text, _>(&place.table)
    .bind::<Nullable<Text>, _>(&place.schema)
    .load::<KeyColumn>(conn)?;
    let mut keys: Vec<(i32, bool, ForeignKey)> = Vec::new();
    for KeyColumn {
        id,
        parent,
        own,
        referenced,
    } in columns
    {
        let is_implicit = referenced.is_none();
        let referenced = referenced.iter().map(|it| name::quoted(None, it));
        let own = name::quoted(None, &own);
        match keys.last_mut() {
            Some((last, _, key)) if *last == id => {
                key.columns.push(own);
                key.parent_columns.extend(referenced);
            }
            _ => {
                // A foreign key refers to a table in its own schema.
                let is_parent = |of: &Place| of.is_sibling(place, &parent);
                let key = ForeignKey {
                    name: None,
                    sql_name: String::new(),
                    columns: vec![own],
                    parent: place.sibling(conn, &parent)?,
                    parent_columns: referenced.collect(),
                    position: seeded.iter().rposition(is_parent),
                    is_deferrable: true,
                    may_outlast: false,
                };
                keys.push((id, is_implicit, key));
            }
        }
    }
    if !keys.is_empty() {
        // The last key of the definition has the number 0.
        let mut deferred = deferred_keys(&definition(conn, place)?);
        deferred.reverse();
        for (id, _, key) in &mut keys {
            let at = usize::try_from(*id).ok();
            key.may_outlast = at.and_then(|at| deferred.get(at)).is_some_and(|it| *it);
        }
    }
    for (_, is_implicit, key) in &mut keys {
        if *is_implicit {
            let (_, parent) = name::parts(&key.parent);
            let columns = diesel::sql_query(
                "SELECT name AS name FROM pragma_table_info(?1, ?2) WHERE pk > 0 ORDER BY pk",
            )
            .bind::<Text, _>(&parent)
            .bind::<Nullable<Text>, _>(&place.schema)
            .load::<PrimaryKey>(conn)?;
            let columns = columns.iter().map(|it| name::quoted(None, &it.name));
            key.parent_columns = columns.collect();
        }
    }
    Ok(keys.into_iter().map(|(_, _, key)| key).collect())
}
