//! The log of changes on SQLite, where one transaction at a time writes, so that the order of
//! numbers is that of commits.

mod install;
mod triggers;
mod values;

use diesel::QueryResult;
use diesel::sqlite::Sqlite;

use crate::backend::connection::{BackendConnection, Begun};
use crate::backend::sql::{Sql, integer};
use crate::changes::{
    CapturedTable, ChangeEngine, ChangeError, Context, InstallPlan, Left, ReadFrom,
};

impl ChangeEngine for Sqlite {
    fn plan<C>(conn: &mut C, tables: &[CapturedTable]) -> Result<InstallPlan, ChangeError>
    where
        C: BackendConnection<Backend = Self>,
    {
        install::plan(conn, tables)
    }

    fn begin<C>(conn: &mut C) -> QueryResult<Begun>
    where
        C: BackendConnection<Backend = Self>,
    {
        conn.begin_waiting()
    }

    /// The transaction itself excludes others.
    fn lock_feed<C>(_: &mut C, _: &str) -> QueryResult<()>
    where
        C: BackendConnection<Backend = Self>,
    {
        Ok(())
    }

    fn horizon<C>(_: &mut C) -> Result<i64, ChangeError>
    where
        C: BackendConnection<Backend = Self>,
    {
        // The largest whole number that D1 takes.
        Ok((1 << 53) - 1)
    }

    const IS_INSTALLED: &'static str =
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name = '__covara_changes_tables'";

    const UNLOGGED: &'static str = "SELECT t.name FROM (\
             SELECT CASE WHEN name LIKE 'main.%' THEN substr(name, 6) ELSE name END AS name \
             FROM __covara_changes_tables WHERE capture <> 'off'\
         ) AS t WHERE (\
             SELECT count(*) FROM sqlite_master AS g \
             WHERE g.type = 'trigger' AND lower(g.tbl_name) = lower(t.name) AND g.name IN (\
                 '__covara_changes_' || t.name || '_insert', \
                 '__covara_changes_' || t.name || '_update', \
                 '__covara_changes_' || t.name || '_move', \
                 '__covara_changes_' || t.name || '_delete')\
         ) < 4 ORDER BY t.name";

    fn read(from: ReadFrom<'_>, horizon: i64, limit: i64) -> Sql<'_> {
        let mut sql = from.query();
        sql.push(" LEFT JOIN __covara_changes AS e ON e.number > ");
        from.push_position(&mut sql);
        sql.push(" AND e.number <= ").bind(horizon);
        sql.push(" WHERE s.id = 1 ORDER BY e.number LIMIT ");
        sql.bind(limit);
        sql
    }

    /// Writes a row that only this transaction sees, as it is deleted before the end.
    fn enter<C>(conn: &mut C, context: Context<'_>) -> QueryResult<Left>
    where
        C: BackendConnection<Backend = Self>,
    {
        let (actor, muted) = match context {
            Context::Actor(actor) => (Some(actor), 0),
            Context::Muted => (None, 1),
        };
        let mut sql = Sql::new();
        sql.push(
            "INSERT INTO __covara_changes_context (id, actor, muted) \
             SELECT ifnull(max(id), 0) + 1, ",
        );
        sql.bind(actor).push(", ").bind(muted);
        sql.push(" FROM __covara_changes_context");
        conn.execute_returning_count(&sql)?;
        let mut last = Sql::new();
        last.push("SELECT max(id) FROM __covara_changes_context");
        let mut rows = conn.load(last)?;
        let row = rows.next().transpose()?;
        let id = row.and_then(|row| integer(&row, 0));
        Ok(Left::Row(id.unwrap_or_default()))
    }

    fn leave<C>(conn: &mut C, left: &Left) -> QueryResult<()>
    where
        C: BackendConnection<Backend = Self>,
    {
        if let Left::Row(id) = left {
            let mut sql = Sql::new();
            sql.push("DELETE FROM __covara_changes_context WHERE id >= ");
            sql.bind(*id);
            conn.execute_returning_count(&sql)?;
        }
        Ok(())
    }

    /// A row that is committed is nobody's: those of transactions that go on are not.
    fn clear_context<C>(conn: &mut C)
    where
        C: BackendConnection<Backend = Self>,
    {
        // The error that led here is already being reported.
        let _ = conn.batch_execute("DELETE FROM __covara_changes_context");
    }
}
