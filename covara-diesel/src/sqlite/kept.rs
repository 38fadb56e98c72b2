//! Connections that a pool discards although their database would end with them.
//!
//! Diesel's manager has a connection closed that comes back with a transaction open, or in a panic.
//! The pool of a database in memory then gets the same connection again, in the place of the new one
//! that it opens.

use std::fmt;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use diesel::SqliteConnection;
use diesel::r2d2::Error;
use diesel::result::ConnectionError;
use r2d2::CustomizeConnection;

use super::checkin;
use crate::backend::transaction::end_all;
use crate::pool::Customizer;

/// The wait for the connection before, which the pool hands back right after it has asked for the
/// next one.
const WAIT: Duration = Duration::from_secs(5);

/// Returns a customizer that keeps the connection of a pool with one.
pub(super) fn keep(first: Customizer<SqliteConnection>) -> Customizer<SqliteConnection> {
    Box::new(Keeper {
        first,
        whereabouts: Mutex::new(Whereabouts::New),
        returned: Condvar::new(),
    })
}

struct Keeper {
    /// Sets up the connection when it is opened.
    first: Customizer<SqliteConnection>,
    whereabouts: Mutex<Whereabouts>,
    returned: Condvar,
}

/// The whereabouts of the connection.
enum Whereabouts {
    /// There has been none.
    New,
    InPool,
    Returned(SqliteConnection),
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").finish_non_exhaustive()
    }
}

impl CustomizeConnection<SqliteConnection, Error> for Keeper {
    fn on_acquire(&self, conn: &mut SqliteConnection) -> Result<(), Error> {
        let whereabouts = self
            .whereabouts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if matches!(*whereabouts, Whereabouts::New) {
            drop(whereabouts);
            self.first.on_acquire(conn)?;
            *self
                .whereabouts
                .lock()
                .unwrap_or_else(PoisonError::into_inner) = Whereabouts::InPool;
            return Ok(());
        }
        let is_in_pool = |whereabouts: &mut Whereabouts| matches!(whereabouts, Whereabouts::InPool);
        let waited = self
            .returned
            .wait_timeout_while(whereabouts, WAIT, is_in_pool);
        let (mut whereabouts, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let Whereabouts::Returned(mut kept) =
            std::mem::replace(&mut *whereabouts, Whereabouts::InPool)
        else {
            let words = "the connection that has the database did not come back";
            return Err(ConnectionError::BadConnection(words.to_owned()).into());
        };
        drop(whereabouts);
        end_all(&mut kept);
        checkin::watch_again(&mut kept);
        *conn = kept;
        Ok(())
    }

    fn on_release(&self, conn: SqliteConnection) {
        *self
            .whereabouts
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Whereabouts::Returned(conn);
        self.returned.notify_one();
    }
}
