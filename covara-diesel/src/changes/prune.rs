//! Removes old changes.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};

use super::engine::ChangeEngine;
use super::error::ChangeError;
use super::read;
use crate::backend::connection::BackendConnection;
use crate::backend::sql::Sql;

/// The most changes that one transaction removes.
const BATCH: i64 = 1_000;

pub(super) fn run<C>(conn: &mut C, retained: Duration) -> Result<usize, ChangeError>
where
    C: BackendConnection<Backend: ChangeEngine>,
{
    let cutoff = SystemTime::now().checked_sub(retained);
    let Some(cutoff) = cutoff.map(|time| DateTime::<Utc>::from(time).timestamp_millis()) else {
        return Ok(0);
    };
    // A transaction that still runs may add changes with lower numbers than those beyond.
    let horizon = C::Backend::horizon(conn)?;
    let mut removed = 0;
    while let Some(last) = read::number(conn, last_of_batch(horizon, cutoff))? {
        let mut floor = Sql::new();
        floor.push("UPDATE __covara_changes_state SET floor = ");
        floor.bind(last).push(" WHERE floor < ").bind(last);
        let mut delete = Sql::new();
        delete.push("DELETE FROM __covara_changes WHERE number <= ");
        delete.bind(last);
        let changed = conn.atomically(&[&floor, &delete])?;
        removed += changed.last().copied().unwrap_or(0);
    }
    Ok(removed)
}

/// Returns a query for the last of the oldest changes that are all older than a time.
fn last_of_batch(horizon: i64, cutoff: i64) -> Sql<'static> {
    let mut sql = Sql::new();
    sql.push(
        "SELECT max(number) FROM (\
             SELECT number, max(at) OVER (ORDER BY number) AS latest FROM (\
                 SELECT number, at FROM __covara_changes WHERE number <= ",
    );
    sql.bind(horizon);
    sql.push(" ORDER BY number LIMIT ").bind(BATCH);
    sql.push(") AS oldest) AS old WHERE latest < ").bind(cutoff);
    sql
}
