//! Findings about the log of changes.

use super::Finding;
use crate::backend::connection::BackendConnection;
use crate::changes::{self, ChangeEngine};

/// Unread changes above which a feed is thought to have stopped.
const MANY: i64 = 10_000;

/// Seconds after which a transaction that feeds wait for is thought to have been forgotten.
const LONG: i64 = 2;

/// Returns what is wrong with the log of changes, if the database has one.
pub(super) fn look<C>(conn: &mut C) -> Vec<Finding>
where
    C: BackendConnection<Backend: ChangeEngine>,
{
    let state = match changes::look(conn) {
        Ok(state) => state.unwrap_or_default(),
        Err(error) => {
            let text = format!("the log of changes could not be examined: {error}");
            return vec![Finding::warning(text)];
        }
    };
    let mut findings = Vec::new();
    for table in state.unlogged {
        findings.push(Finding::problem(format!(
            "changes of the table {table} are not logged, as triggers are missing or disabled: \
             ChangeLog::install mends that, and logs that all rows are to be read again"
        )));
    }
    for feed in state.feeds {
        if feed.has_gap {
            findings.push(Finding::problem(format!(
                "changes were removed that the feed {} had not read: it is to call skip_gap, and to \
                 read the tables again; if nobody reads it, remove it",
                feed.name
            )));
        } else if feed.unread > MANY {
            findings.push(Finding::warning(format!(
                "the feed {} has not read {} changes: if nobody reads it any more, remove it",
                feed.name, feed.unread
            )));
        }
    }
    for (transaction, age) in state.delaying {
        if age >= LONG {
            findings.push(Finding::warning(format!(
                "feeds wait for {transaction}, which has written to a logged table and been open \
                 for {age} s"
            )));
        }
    }
    findings
}
