//! Records the writes to a table as notes.
//!
//! Each index has a trigger function of its own, with fixed SQL. It runs with the rights of its
//! owner, so that a role that writes to the table needs no rights on the notes, and no other role
//! may use it in a trigger. The function contains the numbers of its table and columns. On any
//! other table, or if the key has become another column or type, it does nothing, rather than make
//! a write fail.

use diesel::QueryResult;
use diesel::pg::Pg;

use super::names::{FUNCTION_TITLE, SqlNames};
use super::tables::quoted;
use crate::backend::connection::BackendConnection;
use crate::backend::sql::{Sql, integer, text};
use crate::postgres::migrate::FUNCTION_VERSION;
use crate::postgres::names::table_oid;
use crate::search::{Cause, Entry, FollowEngine, FollowedTable, Mending};

impl FollowEngine for Pg {
    fn has_table<C>(conn: &mut C, table: &str) -> QueryResult<bool>
    where
        C: BackendConnection<Backend = Self>,
    {
        let mut rows = conn.load(Sql::once(format!(
            "SELECT 1 FROM pg_catalog.pg_class AS c
             WHERE c.oid = {} AND c.relkind IN ('r', 'p')",
            table_oid(table)
        )))?;
        Ok(rows.next().transpose()?.is_some())
    }

    fn check_columns<C>(conn: &mut C, followed: &FollowedTable) -> QueryResult<()>
    where
        C: BackendConnection<Backend = Self>,
    {
        let mut rows = conn.load(Sql::once(format!(
            "SELECT pg_catalog.format('%I.%I', s.nspname, c.relname)
             FROM pg_catalog.pg_class AS c
             JOIN pg_catalog.pg_namespace AS s ON s.oid = c.relnamespace WHERE c.oid = {}",
            table_oid(&followed.table)
        )))?;
        let found = rows.next().transpose()?.and_then(|row| text(&row, 0));
        drop(rows);
        let table = found.unwrap_or_else(|| followed.table.clone());
        conn.execute_returning_count(&followed.select_nothing(&table, quoted))
            .map(drop)
    }

    fn examine<C>(conn: &mut C, entry: &Entry) -> QueryResult<Option<Mending>>
    where
        C: BackendConnection<Backend = Self>,
    {
        let Some(names) = SqlNames::of(entry) else {
            return Ok(None);
        };
        let found = Sql::once(format!(
            "SELECT f.prosrc, ({}),
                 CAST(CASE WHEN {} AND ({}) THEN 1 ELSE 0 END AS bigint), ({}), ({})
             FROM (SELECT {} AS oid) AS w
             LEFT JOIN pg_catalog.pg_proc AS f ON f.oid = w.oid",
            names.wanted_body(),
            names.function_fits(),
            names.notes_fit(),
            names.missing_triggers(),
            names.marks(),
            names.function_oid,
        ));
        let mut rows = conn.load(found)?;
        let Some(row) = rows.next().transpose()? else {
            return Ok(None);
        };
        let (body, wanted) = (text(&row, 0), text(&row, 1));
        let fits = integer(&row, 2) == Some(1) && integer(&row, 3) == Some(0);
        let marked = integer(&row, 4) > Some(0);
        let cause = match (body, wanted) {
            (Some(body), Some(wanted)) if fits && body == wanted && !marked => return Ok(None),
            (Some(body), Some(wanted)) if fits && body == wanted => Cause::Partitions,
            (body, wanted) => cause(&body.unwrap_or_default(), &wanted.unwrap_or_default()),
        };
        let statements = vec![Sql::once(names.mending())];
        Ok(Some(Mending { cause, statements }))
    }

    /// Restricts the trigger function. That of an index whose table is gone cannot be replaced.
    fn protect(entry: &Entry) -> Vec<Sql<'static>> {
        let function = format!("{}_write()", entry.notes());
        vec![Sql::once(format!(
            "REVOKE ALL ON FUNCTION {function} FROM PUBLIC"
        ))]
    }

    fn note_all(entry: &Entry) -> Vec<Sql<'static>> {
        let names = SqlNames::of(entry);
        names
            .map(|names| Sql::once(names.noting()))
            .into_iter()
            .collect()
    }
}

/// Determines the cause by comparing what the function says about the table with the wanted body.
pub(super) fn cause(body: &str, wanted: &str) -> Cause {
    let is_ours = body.contains("TG_ARGV") || body.contains(FUNCTION_TITLE);
    if is_ours && !body.contains(FUNCTION_VERSION) {
        return Cause::Version;
    }
    let line = |of: &str, name: &str| {
        let mut lines = of.lines();
        let line = lines.find_map(|line| line.strip_prefix("-- ")?.strip_prefix(name));
        line.map(str::to_owned)
    };
    let differs = |name| {
        let (is, must_be) = (line(body, name), line(wanted, name));
        is.is_some() && must_be.is_some() && is != must_be
    };
    if differs("table ") {
        Cause::Table
    } else if differs("parts ") {
        Cause::Partitions
    } else if differs("columns ") {
        Cause::Columns
    } else {
        Cause::Triggers
    }
}
