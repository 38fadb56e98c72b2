//! Tables that are emptied before they are filled.

use super::engine::SeedEngine;
use super::error::SeedError;
use super::foreign_key::OuterReference;
use super::order;
use super::target::unquoted;
use crate::backend::connection::BackendConnection;

/// Returns the distinct tables (quoted) in groups, in the order in which they can be emptied, if
/// no row of another table refers to them.
pub(super) fn prepare<C: BackendConnection<Backend: SeedEngine>>(
    conn: &mut C,
    tables: &[String],
) -> Result<Vec<Vec<String>>, SeedError> {
    let mut distinct = tables.to_vec();
    distinct.sort();
    distinct.dedup();
    let mut groups = order::groups(conn, &distinct)?;
    groups.reverse();
    for group in &groups {
        for table in group {
            let table = &distinct[*table];
            let locked = C::Backend::lock_to_empty(conn, table);
            locked.map_err(|source| refused(table, source))?;
        }
    }
    for OuterReference {
        child,
        columns,
        parent,
        may_hide,
    } in C::Backend::outer_references(conn, &distinct)?
    {
        let columns: Vec<String> = columns
            .iter()
            .map(|column| format!("{column} IS NOT NULL"))
            .collect();
        let has_rows = format!(
            "EXISTS (SELECT 1 FROM {child} WHERE {})",
            columns.join(" AND ")
        );
        if may_hide || C::Backend::holds(conn, &has_rows)? {
            return Err(SeedError::Referred {
                table: unquoted(&parent),
                by: unquoted(&child),
            });
        }
    }
    let named = |group: Vec<usize>| group.into_iter().map(|at| distinct[at].clone()).collect();
    Ok(groups.into_iter().map(named).collect())
}

/// Empties the tables and restarts their ids. Returns how many rows each had.
pub(super) fn empty<C: BackendConnection<Backend: SeedEngine>>(
    conn: &mut C,
    tables: &[String],
) -> Result<Vec<(String, usize)>, SeedError> {
    let mut all = Vec::new();
    for group in prepare(conn, tables)? {
        let deleted = C::Backend::empty(conn, &group);
        let deleted = deleted.map_err(|source| refused(&group[0], source))?;
        check_empty(conn, &group)?;
        for (table, deleted) in group.into_iter().zip(deleted) {
            let restarted = C::Backend::restarts(conn, &table).and_then(|restarts| {
                let mut restarts = restarts.iter();
                restarts.try_for_each(|sql| conn.batch_execute(sql))
            });
            restarted.map_err(|source| refused(&table, source))?;
            all.push((table, deleted));
        }
    }
    // Once more, as a trigger of one table may add rows to another.
    let emptied: Vec<String> = all.iter().map(|(table, _)| table.clone()).collect();
    check_empty(conn, &emptied)?;
    Ok(all)
}

/// Refuses tables (quoted) that still have rows.
fn check_empty<C: BackendConnection<Backend: SeedEngine>>(
    conn: &mut C,
    tables: &[String],
) -> Result<(), SeedError> {
    for table in tables {
        let rows = C::Backend::own_rows(conn, table)?;
        if C::Backend::holds(conn, &has_rows(&rows))? {
            return Err(SeedError::NotEmptied {
                table: unquoted(table),
            });
        }
    }
    Ok(())
}

/// Returns the condition that there is any of the rows.
fn has_rows(rows: &str) -> String {
    format!("EXISTS (SELECT 1 FROM {rows})")
}

/// Returns a statement that fails if there is any of the rows.
pub(super) fn fails_with_rows<DB: SeedEngine>(rows: &str) -> String {
    DB::fails_if(&has_rows(rows))
}

pub(super) fn refused(table: &str, source: diesel::result::Error) -> SeedError {
    match super::error::known(source) {
        Ok(error) => error,
        Err(source) => SeedError::Replace {
            table: unquoted(table),
            source: source.into(),
        },
    }
}
