//! The log of changes on SQLite, where one transaction at a time writes, so that the order of
//! numbers is that of commits.

mod install;
mod signal;
mod triggers;
mod values;

use diesel::QueryResult;
use diesel::sqlite::Sqlite;

use crate::backend::connection::{BackendConnection, Begun};
use crate::backend::sql::{Sql, integer, text};
use crate::changes::{
    CapturedTable, ChangeEngine, ChangeError, ChangeSignal, Context, InstallPlan, Left, ReadFrom,
};

impl ChangeEngine for Sqlite {
    fn plan<C>(conn: &mut C, tables: &[CapturedTable], _: bool) -> Result<InstallPlan, ChangeError>
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

    fn signal<C>(conn: &mut C) -> Option<Box<dyn ChangeSignal>>
    where
        C: BackendConnection<Backend = Self>,
    {
        let signal = signal::FileSignal::of(conn)?;
        Some(Box::new(signal))
    }

    const LAST: &'static str =
        "coalesce((SELECT max(l.number) FROM __covara_changes AS l), s.floor)";

    const IS_INSTALLED: &'static str =
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name = '__covara_changes_tables'";

    const UNLOGGED: &'static str = "SELECT t.name FROM (\
             SELECT CASE WHEN name LIKE 'main.%' THEN substr(name, 6) ELSE name END AS name \
             FROM __covara_changes_tables WHERE capture <> 'off'\
         ) AS t WHERE (\
             SELECT count(*) FROM sqlite_master AS g \
             WHERE g.type = 'trigger' AND lower(g.tbl_name) = lower(t.name) AND g.name IN (\
                 '__covara_changes_' || g.tbl_name || '_insert', \
                 '__covara_changes_' || g.tbl_name || '_update', \
                 '__covara_changes_' || g.tbl_name || '_move', \
                 '__covara_changes_' || g.tbl_name || '_delete')\
         ) < 4 OR EXISTS (SELECT 1 FROM __covara_changes_state AS s WHERE s.muted) \
         ORDER BY t.name";

    const DELAYING: &'static str = "SELECT '', 0 WHERE 1 = 0";

    fn read(from: ReadFrom<'_>, horizon: i64, limit: i64) -> Sql<'_> {
        let mut sql = from.query(Self::LAST);
        sql.push(" LEFT JOIN __covara_changes AS e ON e.number > ");
        from.push_position(&mut sql);
        sql.push(" AND e.number <= ").bind(horizon);
        sql.push(" WHERE s.id = 1 ORDER BY e.number LIMIT ");
        sql.bind(limit);
        sql
    }

    const FORGET: &'static str = "UPDATE __covara_changes SET of_table = '', operation = 'all', \
         key = NULL, old_row = NULL, new_row = NULL, actor = NULL WHERE number = ";

    /// Writes a state that only this transaction sees, as it is restored before the end.
    fn enter<C>(conn: &mut C, context: Context<'_>) -> QueryResult<Left>
    where
        C: BackendConnection<Backend = Self>,
    {
        let mut kept = Sql::new();
        kept.push("SELECT actor, muted FROM __covara_changes_state WHERE id = 1");
        let (earlier, is_muted) = {
            let mut rows = conn.load(kept)?;
            let row = rows.next().transpose()?;
            row.map_or((None, 0), |row| {
                (text(&row, 0), integer(&row, 1).unwrap_or_default())
            })
        };
        match context {
            Context::Actor(actor) => set(conn, Some(actor), is_muted)?,
            Context::Muted => set(conn, earlier.as_deref(), 1)?,
        }
        Ok(Left::State(earlier, is_muted))
    }

    fn leave<C>(conn: &mut C, left: &Left) -> QueryResult<()>
    where
        C: BackendConnection<Backend = Self>,
    {
        match left {
            Left::State(actor, muted) => set(conn, actor.as_deref(), *muted),
            Left::Setting(..) => Ok(()),
        }
    }

    /// A state that is committed is nobody's: those of transactions that go on are not.
    fn clear_context<C>(conn: &mut C)
    where
        C: BackendConnection<Backend = Self>,
    {
        // The error that led here is already being reported.
        let _ = set(conn, None, 0);
    }
}

fn set<C>(conn: &mut C, actor: Option<&str>, muted: i64) -> QueryResult<()>
where
    C: BackendConnection<Backend = Sqlite>,
{
    let mut sql = Sql::new();
    sql.push("UPDATE __covara_changes_state SET actor = ");
    sql.bind(actor).push(", muted = ").bind(muted);
    sql.push(" WHERE id = 1");
    conn.execute_returning_count(&sql)?;
    Ok(())
}
