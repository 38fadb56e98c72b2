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
        place: Mutex::new(Place::New),
        returned: Condvar::new(),
    })
}

struct Keeper {
    /// Sets up the connection when it is opened.
    first: Customizer<SqliteConnection>,
    place: Mutex<Place>,
    returned: Condvar,
}

/// Where the connection is.
enum Place {
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
        let place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*place, Place::New) {
            drop(place);
            self.first.on_acquire(conn)?;
            *self.place.lock().unwrap_or_else(PoisonError::into_inner) = Place::InPool;
            return Ok(());
        }
        let is_in_pool = |place: &mut Place| matches!(place, Place::InPool);
        let waited = self.returned.wait_timeout_while(place, WAIT, is_in_pool);
        let (mut place, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let Place::Returned(mut kept) = std::mem::replace(&mut *place, Place::InPool) else {
            let words = "the connection that has the database did not come back";
            return Err(ConnectionError::BadConnection(words.to_owned()).into());
        };
        drop(place);
        end_all(&mut kept);
        checkin::watch_again(&mut kept);
        *conn = kept;
        Ok(())
    }

    fn on_release(&self, conn: SqliteConnection) {
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = Place::Returned(conn);
        self.returned.notify_one();
    }
}
