//! Removes old changes.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::engine::ChangeEngine;
use super::error::ChangeError;
use super::read;
use crate::backend::connection::BackendConnection;
use crate::backend::sql::Sql;

/// The number of the last change that was removed.
const FLOOR: &str = "(SELECT floor FROM __covara_changes_state WHERE id = 1)";

/// The most changes that one transaction removes.
const BATCH: i64 = 1_000;

pub(super) fn run<C>(conn: &mut C, retained: Duration) -> Result<usize, ChangeError>
where
    C: BackendConnection<Backend: ChangeEngine>,
{
    let Some(cutoff) = millis_before(retained) else {
        return Ok(0);
    };
    // A transaction that still runs may add changes with lower numbers than those beyond.
    let horizon = C::Backend::horizon(conn)?;
    let mut removed = 0;
    while let Some(last) = read::number(conn, last_of_batch(horizon, cutoff))? {
        let mut forgotten = Sql::new();
        forgotten.push("DELETE FROM __covara_changes WHERE number <= ");
        forgotten.push(FLOOR);
        let mut delete = Sql::new();
        delete.push("DELETE FROM __covara_changes WHERE number < ");
        delete.bind(last);
        let mut forget = Sql::new();
        forget.push(C::Backend::FORGET).bind(last);
        let mut floor = Sql::new();
        floor.push("UPDATE __covara_changes_state SET floor = ");
        floor.bind(last).push(" WHERE floor < ").bind(last);
        let changed = conn.atomically(&[&forgotten, &delete, &forget, &floor])?;
        removed += changed.iter().skip(1).take(2).sum::<usize>();
    }
    Ok(removed)
}

/// Returns the time so long ago, unless it is before 1970, from when there are no changes.
fn millis_before(retained: Duration) -> Option<i64> {
    let cutoff = SystemTime::now().checked_sub(retained)?;
    let since = cutoff.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok()
}

/// Returns a query for the last of the oldest changes that are all older than a time.
fn last_of_batch(horizon: i64, cutoff: i64) -> Sql<'static> {
    let mut sql = Sql::new();
    sql.push(
        "SELECT max(number) FROM (\
             SELECT number, max(at) OVER (ORDER BY number) AS latest FROM (\
                 SELECT number, at FROM __covara_changes WHERE number <= ",
    );
    sql.bind(horizon).push(" AND number > ").push(FLOOR);
    sql.push(" ORDER BY number LIMIT ").bind(BATCH);
    sql.push(") AS oldest) AS old WHERE latest < ").bind(cutoff);
    sql
}
