//! Reading of the log.

use diesel::QueryResult;

use super::change::Change;
use super::engine::{ChangeEngine, ReadFrom};
use super::error::ChangeError;
use crate::backend::connection::BackendConnection;
use crate::backend::sql::{Sql, integer};

/// The next changes of a feed.
#[derive(Debug, Default)]
pub(super) struct Next {
    /// `true` if the database knows the feed.
    pub(super) is_known: bool,
    /// The number of the last change that the feed has read.
    pub(super) position: i64,
    pub(super) changes: Vec<Change>,
}

/// Reads at most `limit` changes that follow a place in the log.
pub(super) fn next<C>(conn: &mut C, from: ReadFrom<'_>, limit: usize) -> Result<Next, ChangeError>
where
    C: BackendConnection<Backend: ChangeEngine>,
{
    let horizon = C::Backend::horizon(conn)?;
    up_to(conn, from, horizon, limit)
}

/// Reads at most `limit` changes that follow a place in the log, up to a number that was the horizon.
pub(super) fn up_to<C>(
    conn: &mut C,
    from: ReadFrom<'_>,
    horizon: i64,
    limit: usize,
) -> Result<Next, ChangeError>
where
    C: BackendConnection<Backend: ChangeEngine>,
{
    // The state is read with a change at least.
    let at_most = i64::from(u32::try_from(limit).unwrap_or(u32::MAX).max(1));
    let mut next = None;
    for row in conn.load(C::Backend::read(from, horizon, at_most))? {
        let row = row?;
        let (Some(floor), position) = (integer(&row, 0), integer(&row, 1)) else {
            continue;
        };
        if let Some(position) = position.filter(|position| *position < floor) {
            return Err(ChangeError::Gap {
                feed: from.name().map(str::to_owned),
                position,
                floor,
            });
        }
        if let (Some(position), Some(last)) = (position, integer(&row, 2))
            && position > last
        {
            return Err(ChangeError::Ahead { position, last });
        }
        let next = next.get_or_insert_with(|| Next {
            is_known: position.is_some(),
            position: position.unwrap_or(floor),
            changes: Vec::new(),
        });
        next.changes.extend(Change::read(&row, 3));
    }
    let mut next = next.ok_or(ChangeError::NotInstalled)?;
    next.changes.truncate(limit);
    Ok(next)
}

/// Moves a feed forward, and makes it known.
pub(super) fn advance<C>(conn: &mut C, feed: &str, position: i64) -> Result<(), ChangeError>
where
    C: BackendConnection<Backend: ChangeEngine>,
{
    let mut sql = Sql::new();
    sql.push("INSERT INTO __covara_changes_feeds (name, number) VALUES (");
    sql.bind(feed).push(", ").bind(position);
    sql.push(
        ") ON CONFLICT (name) DO UPDATE SET number = excluded.number \
         WHERE __covara_changes_feeds.number < excluded.number",
    );
    conn.execute_returning_count(&sql)?;
    Ok(())
}

/// Executes a query for one number, which there may be none of.
pub(super) fn number<C>(conn: &mut C, sql: Sql<'_>) -> QueryResult<Option<i64>>
where
    C: BackendConnection<Backend: ChangeEngine>,
{
    let mut rows = conn.load(sql)?;
    let row = rows.next().transpose()?;
    Ok(row.and_then(|row| integer(&row, 0)))
}

/// Returns the number of the last change that can be read, or of the last that was removed.
pub(super) fn last<C>(conn: &mut C) -> Result<i64, ChangeError>
where
    C: BackendConnection<Backend: ChangeEngine>,
{
    let horizon = C::Backend::horizon(conn)?;
    let mut last = Sql::new();
    last.push(
        "SELECT CASE WHEN c.number > s.floor THEN c.number ELSE s.floor END \
         FROM __covara_changes_state AS s LEFT JOIN (\
             SELECT max(number) AS number FROM __covara_changes WHERE number <= ",
    );
    last.bind(horizon).push(") AS c ON 1 = 1 WHERE s.id = 1");
    number(conn, last)?.ok_or(ChangeError::NotInstalled)
}
