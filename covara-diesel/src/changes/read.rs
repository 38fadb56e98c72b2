//! Reading of the log.

use diesel::QueryResult;

use super::change::Change;
use super::engine::ChangeEngine;
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

/// Reads at most `limit` changes that follow those that the feed has read.
pub(super) fn next<C>(conn: &mut C, feed: &str, limit: usize) -> Result<Next, ChangeError>
where
    C: BackendConnection<Backend: ChangeEngine>,
{
    let horizon = C::Backend::horizon(conn)?;
    let limit = i64::from(u32::try_from(limit).unwrap_or(u32::MAX).max(1));
    let mut next = None;
    for row in conn.load(C::Backend::read(feed, horizon, limit))? {
        let row = row?;
        let (Some(floor), position) = (integer(&row, 0), integer(&row, 1)) else {
            continue;
        };
        if let Some(position) = position.filter(|position| *position < floor) {
            return Err(ChangeError::Gap {
                feed: feed.to_owned(),
                position,
                floor,
            });
        }
        let next = next.get_or_insert_with(|| Next {
            is_known: position.is_some(),
            position: position.unwrap_or(floor),
            changes: Vec::new(),
        });
        next.changes.extend(Change::read(&row, 2));
    }
    next.ok_or(ChangeError::NotInstalled)
}

/// Returns a statement that moves a feed forward, and makes it known.
pub(super) fn advance(feed: &str, position: i64) -> Sql<'_> {
    let mut sql = Sql::new();
    sql.push("INSERT INTO __covara_changes_feeds (name, number) VALUES (");
    sql.bind(feed).push(", ").bind(position);
    sql.push(
        ") ON CONFLICT (name) DO UPDATE SET number = excluded.number \
         WHERE __covara_changes_feeds.number < excluded.number",
    );
    sql
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
