//! The log of changes on PostgreSQL.
//!
//! Writers do not wait for each other, so numbers do not follow the order of commits. A trigger,
//! before it writes the first change of its transaction, reads the last number that was given out
//! and takes a shared advisory lock on it. All its changes have higher numbers. A reader reads the
//! last number, then the lowest lock, and then the changes up to the lower one of the two: those are
//! all that there will ever be.
//!
//! Any role may take an advisory lock. Readers count those of transactions that have also locked the
//! log's table, which takes rights on it or a write to a logged table.

/// Whether the owner of the log `c`, as who its functions run, may write to it.
macro_rules! may_write {
    () => {
        "(pg_catalog.has_schema_privilege(c.relowner, c.relnamespace, 'USAGE') \
         AND pg_catalog.has_table_privilege(c.relowner, c.oid, 'INSERT') \
         AND EXISTS (\
             SELECT FROM pg_catalog.pg_class AS q WHERE q.relnamespace = c.relnamespace \
                 AND q.relname = '__covara_changes_number' AND q.relkind = 'S' \
                 AND pg_catalog.has_sequence_privilege(c.relowner, q.oid, 'USAGE')))"
    };
}

mod capture;
mod found;
mod function;
mod install;
mod listen;

use diesel::QueryResult;
use diesel::pg::Pg;

use crate::backend::connection::{BackendConnection, Begun};
use crate::backend::sql::{Sql, integer, text};
use crate::changes::{
    CapturedTable, ChangeEngine, ChangeError, Context, InstallPlan, Left, ReadFrom,
};

/// Bits of an advisory lock's key that are a number of the log. The upper ones are the log's class.
const NUMBER_BITS: u8 = 44;

/// Numbers below 0 that a transaction may lock. They are more than a server has room for, so a
/// transaction finds one that nobody keeps it from.
const ROOM: i64 = 1 << 20;

/// The highest number that a transaction locks.
const HIGHEST: i64 = (1 << NUMBER_BITS) - 1 - ROOM;

const ACTOR: &str = "covara_changes.actor";
const MUTED: &str = "covara_changes.muted";

/// Returns the channel of notifications about the log of that class.
fn channel(class: i64) -> String {
    format!("__covara_changes_{class}")
}

impl ChangeEngine for Pg {
    fn plan<C>(
        conn: &mut C,
        tables: &[CapturedTable],
        is_notifying: bool,
    ) -> Result<InstallPlan, ChangeError>
    where
        C: BackendConnection<Backend = Self>,
    {
        install::plan(conn, tables, is_notifying)
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
        let mut lock = Sql::new();
        lock.push("SELECT number FROM __covara_changes_feeds WHERE name = ");
        lock.bind(feed).push(" FOR UPDATE");
        // Others may remove the feed between the two.
        loop {
            conn.execute_returning_count(&create)?;
            if conn.execute_returning_count(&lock)? > 0 {
                return Ok(());
            }
        }
    }

    /// Two queries, as the number must be read before the locks are.
    fn horizon<C>(conn: &mut C) -> Result<i64, ChangeError>
    where
        C: BackendConnection<Backend = Self>,
    {
        let is_in_transaction = conn.is_in_transaction()?;
        let mut last = Sql::new();
        last.push(
            "SELECT n.last_value, s.class, pg_catalog.current_setting('transaction_isolation'), \
                 CAST(CASE WHEN pg_catalog.pg_is_in_recovery() THEN 1 ELSE 0 END AS bigint) \
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
            if integer(&row, 3) == Some(1) {
                return Err(ChangeError::Standby);
            }
            let isolation = text(&row, 2).unwrap_or_default();
            if is_in_transaction && !matches!(&*isolation, "read committed" | "read uncommitted") {
                return Err(ChangeError::Isolation { isolation });
            }
            (last, class)
        };
        let mut rows = conn.load(lowest_lock(class))?;
        let row = rows.next().transpose()?;
        let lowest = row.and_then(|row| integer(&row, 0));
        Ok(lowest.map_or(last, |lowest| lowest.min(last)))
    }

    const LAST: &'static str = "(SELECT n.last_value FROM __covara_changes_number AS n)";

    const IS_INSTALLED: &'static str = "SELECT 'log' \
         WHERE pg_catalog.to_regclass('__covara_changes_tables') IS NOT NULL";

    const UNLOGGED: &'static str = concat!(
        "SELECT t.name FROM __covara_changes_tables AS t \
         WHERE t.capture <> 'off' AND (\
             SELECT pg_catalog.count(*) FROM pg_catalog.pg_trigger AS g \
             JOIN pg_catalog.pg_proc AS f ON f.oid = g.tgfoid \
             WHERE f.proname = CAST(pg_catalog.concat('__covara_changes_', t.id) AS name) \
                 AND g.tgenabled = 'A' AND f.pronamespace = (\
                     SELECT c.relnamespace FROM pg_catalog.pg_class AS c \
                     WHERE c.oid = CAST(\
                         pg_catalog.to_regclass('__covara_changes_tables') AS oid)\
                 )\
         ) < 3 OR t.capture <> 'off' AND NOT EXISTS (\
             SELECT FROM pg_catalog.pg_class AS c \
             WHERE c.oid = CAST(pg_catalog.to_regclass('__covara_changes') AS oid) AND ",
        may_write!(),
        ") ORDER BY t.name"
    );

    const DELAYING: &'static str = "SELECT t.who, t.age FROM (\
             SELECT CASE WHEN p.gid IS NULL \
                 THEN pg_catalog.concat('the transaction of process ', w.pid) \
                 ELSE pg_catalog.concat('the prepared transaction ', p.gid) END AS who, CAST(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() \
                 - coalesce(p.prepared, a.xact_start)) AS bigint) AS age \
             FROM pg_catalog.pg_locks AS w \
             LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = w.pid \
             LEFT JOIN pg_catalog.pg_locks AS x ON w.pid IS NULL AND x.pid IS NULL \
                 AND x.locktype = 'transactionid' AND x.mode = 'ExclusiveLock' \
                 AND x.virtualtransaction = w.virtualtransaction \
             LEFT JOIN pg_catalog.pg_prepared_xacts AS p ON p.transaction = x.transactionid \
             WHERE w.locktype = 'relation' AND w.mode = 'RowExclusiveLock' AND w.granted \
                 AND w.relation = CAST(pg_catalog.to_regclass('__covara_changes') AS oid) \
                 AND w.database = (\
                     SELECT d.oid FROM pg_catalog.pg_database AS d \
                     WHERE d.datname = pg_catalog.current_database()\
                 )\
         ) AS t WHERE t.age IS NOT NULL ORDER BY t.age DESC";

    fn read(from: ReadFrom<'_>, horizon: i64, limit: i64) -> Sql<'_> {
        let mut sql = from.query(Self::LAST);
        sql.push(" LEFT JOIN LATERAL (SELECT * FROM __covara_changes AS c WHERE c.number > ");
        from.push_position(&mut sql);
        sql.push(" AND c.number <= ").bind(horizon);
        sql.push(" ORDER BY c.number LIMIT ").bind(limit);
        sql.push(") AS e ON true WHERE s.id = 1 ORDER BY e.number");
        sql
    }

    const FORGET: &'static str = "DELETE FROM __covara_changes WHERE number = ";

    /// The setting ends with the transaction, or with the savepoint that it was made in.
    fn enter<C>(conn: &mut C, context: Context<'_>) -> QueryResult<Left>
    where
        C: BackendConnection<Backend = Self>,
    {
        let (setting, value) = match context {
            Context::Actor(actor) => (ACTOR, actor),
            Context::Muted => {
                // The server checks the right that the triggers ask for.
                let write = "INSERT INTO __covara_changes (number) SELECT 0 WHERE false";
                conn.execute_returning_count(&Sql::once(write))?;
                (MUTED, "on")
            }
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
            Left::State(..) => Ok(()),
        }
    }

    fn clear_context<C>(_: &mut C)
    where
        C: BackendConnection<Backend = Self>,
    {
    }
}

/// Returns a query for the lowest number that a writer has locked.
///
/// A number is given out by a statement that has locked the log's table, in a transaction that has
/// locked a lower number before. So a writer that runs, and may have been given the last number that
/// was read before or a lower one, has both locks whenever they are looked at. Preparing a
/// transaction gives them to another one, perhaps between the looks at the two.
fn lowest_lock(class: i64) -> Sql<'static> {
    let mut sql = Sql::new();
    sql.push(
        "WITH looked AS (\
             SELECT l.locktype, l.virtualtransaction, \
                 ((l.classid::bigint & 4095) << 32) | l.objid::bigint AS number \
             FROM pg_catalog.pg_locks AS l \
             WHERE l.granted AND l.database = (\
                 SELECT d.oid FROM pg_catalog.pg_database AS d \
                 WHERE d.datname = pg_catalog.current_database()\
             ) AND (\
                 l.locktype = 'relation' AND l.mode = 'RowExclusiveLock' \
                     AND l.relation = CAST(pg_catalog.to_regclass('__covara_changes') AS oid) \
                 OR l.locktype = 'advisory' AND l.mode = 'ShareLock' AND l.objsubid = 1 \
                     AND l.classid::bigint >> 12 = ",
    );
    sql.bind(class);
    sql.push(format!(
        ")) SELECT pg_catalog.min(k.number) - {ROOM} FROM looked AS k \
         WHERE k.locktype = 'advisory' AND EXISTS (\
             SELECT FROM looked AS w WHERE w.locktype = 'relation' \
                 AND (w.virtualtransaction = k.virtualtransaction \
                     OR w.virtualtransaction LIKE '-1/%' OR k.virtualtransaction LIKE '-1/%')\
         )"
    ));
    sql
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
