//! What is wrong with a log, for the doctor.

use diesel::QueryResult;

use super::engine::ChangeEngine;
use crate::backend::connection::BackendConnection;
use crate::backend::sql::{Sql, integer, text};

/// The state of a feed.
#[derive(Debug)]
pub(crate) struct FeedState {
    pub(crate) name: String,
    /// The number of changes that it has not read.
    pub(crate) unread: i64,
    /// `true` if some that it had not read were removed.
    pub(crate) has_gap: bool,
}

/// The state of a log.
#[derive(Debug, Default)]
pub(crate) struct LogState {
    /// Tables some of whose triggers are missing.
    pub(crate) unlogged: Vec<String>,
    pub(crate) feeds: Vec<FeedState>,
    /// Open transactions that readers wait for, with their ages in seconds.
    pub(crate) delaying: Vec<(String, i64)>,
}

/// Returns the state of the log, or `None` if there is none.
pub(crate) fn look<C>(conn: &mut C) -> QueryResult<Option<LogState>>
where
    C: BackendConnection<Backend: ChangeEngine>,
{
    let is_installed = Sql::once(C::Backend::IS_INSTALLED);
    if conn.load(is_installed)?.next().transpose()?.is_none() {
        return Ok(None);
    }
    let mut state = LogState::default();
    for row in conn.load(Sql::once(C::Backend::UNLOGGED))? {
        state.unlogged.extend(text(&row?, 0));
    }
    let feeds = Sql::once(
        "SELECT f.name, (SELECT count(*) FROM __covara_changes AS c WHERE c.number > f.number), \
             CAST(CASE WHEN f.number < s.floor THEN 1 ELSE 0 END AS BIGINT) \
         FROM __covara_changes_feeds AS f, __covara_changes_state AS s \
         WHERE s.id = 1 ORDER BY f.name",
    );
    for row in conn.load(feeds)? {
        let row = row?;
        state.feeds.extend(text(&row, 0).map(|name| FeedState {
            name,
            unread: integer(&row, 1).unwrap_or_default(),
            has_gap: integer(&row, 2) == Some(1),
        }));
    }
    for row in conn.load(Sql::once(C::Backend::DELAYING))? {
        let row = row?;
        state.delaying.extend(text(&row, 0).zip(integer(&row, 1)));
    }
    Ok(Some(state))
}
