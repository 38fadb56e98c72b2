//! Waiting for notifications.

use std::time::Duration;

use diesel::connection::{DefaultLoadingMode, LoadConnection, SimpleConnection};
use diesel::pg::PgConnection;
use diesel::result::Error;

use super::channel;
use crate::backend::connection::BackendConnection;
use crate::backend::sql::{Sql, integer};
use crate::changes::{ChangeError, Feed, Watched, until_change};

impl Feed {
    /// Waits until the feed has a change to read, for at most `timeout`, and returns whether it has,
    /// as [`wait`](Self::wait) does, on a connection that the server notifies. It sees within 100 ms
    /// that a transaction has committed, and asks the server nothing before, except for a look every
    /// second.
    ///
    /// The log is one that [notifies](crate::changes::ChangeLog::notify), and the connection one to
    /// the server itself: a pooler would give the notifications to somebody else. It listens from the
    /// first call on, so it is best one of its own, outside of the pool.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use covara_diesel::changes::{Capture, ChangeLog};
    /// # use diesel::prelude::*;
    /// # diesel::table! { todos (id) { id -> BigInt, title -> Text, } }
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let log = ChangeLog::new().table::<todos::table>(Capture::Rows).notify();
    /// let mut conn = PgConnection::establish("postgres://localhost/app")?;
    /// log.install(&mut conn)?;
    /// let feed = log.feed("mailer");
    /// loop {
    ///     if feed.wait_notified(&mut conn, Duration::from_secs(60))? {
    ///         feed.process(&mut conn, 100, |_conn, change| {
    ///             println!("{change:?}");
    ///             Ok::<_, std::io::Error>(())
    ///         })?;
    ///     }
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`next`](Self::next). Inside a transaction, in which the server notifies nobody,
    /// [`Error::AlreadyInTransaction`] of Diesel.
    pub fn wait_notified(
        &self,
        conn: &mut PgConnection,
        timeout: Duration,
    ) -> Result<bool, ChangeError> {
        if conn.is_in_transaction()? {
            return Err(Error::AlreadyInTransaction.into());
        }
        listen(conn)?;
        until_change(&mut Listening { feed: self, conn }, timeout)
    }
}

fn listen(conn: &mut PgConnection) -> Result<(), ChangeError> {
    let class = Sql::once("SELECT class FROM __covara_changes_state WHERE id = 1");
    let class = {
        let mut rows = LoadConnection::<DefaultLoadingMode>::load(conn, class)?;
        let row = rows.next().transpose()?;
        row.and_then(|row| integer(&row, 0))
    };
    let class = class.ok_or(ChangeError::NotInstalled)?;
    Ok(conn.batch_execute(&format!("LISTEN {}", channel(class)))?)
}

struct Listening<'w> {
    feed: &'w Feed,
    conn: &'w mut PgConnection,
}

impl Watched for Listening<'_> {
    fn look(&mut self, _: Duration) -> Result<bool, ChangeError> {
        self.feed.has_changes(self.conn)
    }

    /// Takes all notifications that have come.
    fn is_signalled(&mut self) -> Result<Option<bool>, ChangeError> {
        let mut is_signalled = false;
        for notification in self.conn.notifications_iter() {
            notification?;
            is_signalled = true;
        }
        Ok(Some(is_signalled))
    }
}
