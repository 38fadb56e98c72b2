//! The log of changes on PostgreSQL.
//!
//! Writers do not wait for each other, so numbers do not follow the order of commits. A trigger,
//! before it writes the first change of its transaction, reads the last number that was given out
//! and takes a shared advisory lock on it. All its changes have higher numbers. A reader reads the
//! last number, then the lowest lock, and then the changes up to the lower one of the two: those are
//! all that there will ever be.

mod capture;
mod found;
mod function;
mod install;

use diesel::QueryResult;
use diesel::pg::Pg;

use crate::backend::connection::{BackendConnection, Begun};
use crate::backend::sql::{Sql, integer, text};
use crate::changes::{
    CapturedTable, ChangeEngine, ChangeError, Context, InstallPlan, Left, ReadFrom,
};

/// Bits of an advisory lock's key that are a number of the log. The upper ones are the log's class.
const NUMBER_BITS: u8 = 44;

const ACTOR: &str = "covara_changes.actor";
const MUTED: &str = "covara_changes.muted";

impl ChangeEngine for Pg {
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
        conn.begin_read_committed()
    }

    fn lock_feed<C>(conn: &mut C, feed: &str) -> QueryResult<()>
    where
        C: BackendConnection<Backend = Self>,
    {
        let mut create = Sql::new();
        create.push(
            "INSERT INTO __covara_changes_feeds (name, number) SELECT f.name, s.floor \
             FROM __covara_changes_state AS s, (SELECT ",
        );
        create.bind(feed);
        create.push(
            "::text AS name) AS f WHERE s.id = 1 AND NOT EXISTS (\
                 SELECT FROM __covara_changes_feeds AS known WHERE known.name = f.name\
             ) ON CONFLICT (name) DO NOTHING",
        );
        conn.execute_returning_count(&create)?;
        let mut lock = Sql::new();
        lock.push("SELECT number FROM __covara_changes_feeds WHERE name = ");
        lock.bind(feed).push(" FOR UPDATE");
        conn.execute_returning_count(&lock)?;
        Ok(())
    }

    /// Two queries, as the number must be read before the locks are.
    fn horizon<C>(conn: &mut C) -> Result<i64, ChangeError>
    where
        C: BackendConnection<Backend = Self>,
    {
        let is_in_transaction = conn.is_in_transaction()?;
        let mut last = Sql::new();
        last.push(
            "SELECT n.last_value, s.class, pg_catalog.current_setting('transaction_isolation') \
             FROM __covara_changes_number AS n, __covara_changes_state AS s WHERE s.id = 1",
        );
        let (last, class) = {
            let mut rows = conn.load(last)?;
            let row = rows.next().transpose()?;
            let Some((row, last, class)) = row.and_then(|row| {
                let (last, class) = (integer(&row, 0)?, integer(&row, 1)?);
                Some((row, last, class))
            }) else {
                return Err(ChangeError::NotInstalled);
            };
            let isolation = text(&row, 2).unwrap_or_default();
            if is_in_transaction && isolation != "read committed" {
                return Err(ChangeError::Isolation { isolation });
            }
            (last, class)
        };
        let mut lowest = Sql::new();
        lowest.push(
            "SELECT pg_catalog.min(((l.classid::bigint & 4095) << 32) | l.objid::bigint) \
             FROM pg_catalog.pg_locks AS l JOIN pg_catalog.pg_database AS d ON d.oid = l.database \
             WHERE l.locktype = 'advisory' AND l.objsubid = 1 \
                 AND d.datname = pg_catalog.current_database() AND l.classid::bigint >> 12 = ",
        );
        lowest.bind(class);
        let mut rows = conn.load(lowest)?;
        let row = rows.next().transpose()?;
        let lowest = row.and_then(|row| integer(&row, 0));
        Ok(lowest.map_or(last, |lowest| lowest.min(last)))
    }

    const IS_INSTALLED: &'static str = "SELECT 'log' \
         WHERE pg_catalog.to_regclass('__covara_changes_tables') IS NOT NULL";

    const UNLOGGED: &'static str = "SELECT t.name FROM __covara_changes_tables AS t \
         WHERE t.capture <> 'off' AND (\
             SELECT pg_catalog.count(*) FROM pg_catalog.pg_trigger AS g \
             JOIN pg_catalog.pg_proc AS f ON f.oid = g.tgfoid \
             WHERE f.proname = CAST(pg_catalog.concat('__covara_changes_', t.id) AS name) \
                 AND g.tgenabled = 'A' AND f.pronamespace = (\
                     SELECT c.relnamespace FROM pg_catalog.pg_class AS c \
                     WHERE c.oid = CAST(\
                         pg_catalog.to_regclass('__covara_changes_tables') AS oid)\
                 )\
         ) < 3 ORDER BY t.name";

    fn read(from: ReadFrom<'_>, horizon: i64, limit: i64) -> Sql<'_> {
        let mut sql = from.query();
        sql.push(" LEFT JOIN LATERAL (SELECT * FROM __covara_changes AS c WHERE c.number > ");
        from.push_position(&mut sql);
        sql.push(" AND c.number <= ").bind(horizon);
        sql.push(" ORDER BY c.number LIMIT ").bind(limit);
        sql.push(") AS e ON true WHERE s.id = 1 ORDER BY e.number");
        sql
    }

    /// The setting ends with the transaction, or with the savepoint that it was made in.
    fn enter<C>(conn: &mut C, context: Context<'_>) -> QueryResult<Left>
    where
        C: BackendConnection<Backend = Self>,
    {
        let (setting, value) = match context {
            Context::Actor(actor) => (ACTOR, actor),
            Context::Muted => (MUTED, "on"),
        };
        let mut earlier = Sql::new();
        earlier.push("SELECT pg_catalog.current_setting(");
        earlier.bind(setting).push(", true)");
        let earlier = {
            let mut rows = conn.load(earlier)?;
            let row = rows.next().transpose()?;
            row.and_then(|row| text(&row, 0)).unwrap_or_default()
        };
        set(conn, setting, value)?;
        Ok(Left::Setting(setting, earlier))
    }

    fn leave<C>(conn: &mut C, left: &Left) -> QueryResult<()>
    where
        C: BackendConnection<Backend = Self>,
    {
        match left {
            Left::Setting(setting, earlier) => set(conn, setting, earlier),
            Left::Row(_) => Ok(()),
        }
    }

    fn clear_context<C>(_: &mut C)
    where
        C: BackendConnection<Backend = Self>,
    {
    }
}

fn set<C>(conn: &mut C, setting: &str, value: &str) -> QueryResult<()>
where
    C: BackendConnection<Backend = Pg>,
{
    let mut sql = Sql::new();
    sql.push("SELECT pg_catalog.set_config(");
    sql.bind(setting).push(", ").bind(value).push(", true)");
    conn.execute_returning_count(&sql)?;
    Ok(())
}
