//! Sessions of signed-in users.

mod ids;
mod many;
mod sql;
mod store;
mod touch;

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::clock::Clock;
use super::secret::SessionId;
use crate::auth::hidden::Hidden;
pub use ids::SessionIds;

/// Thirty days, as in Auth.js, from which the tables come.
const LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// One minute, as in Covara.
const REFRESH_WINDOW: Duration = Duration::from_secs(60);

/// A session stored in the database.
///
/// `T` is the type of its data: any JSON, unless [`SessionStore::typed`] sets another type. `Debug`
/// shows neither the id nor the data.
#[derive(Clone, PartialEq, Eq)]
pub struct Session<T = Value> {
    /// The secret id, which is the value of the cookie. In a listing it is a handle; see
    /// [`list_for_user`](SessionStore::list_for_user).
    pub id: SessionId,
    /// The user who is signed in.
    pub user_id: String,
    /// The time of sign-in. Whole seconds on SQLite, microseconds on PostgreSQL.
    pub created_at: DateTime<Utc>,
    /// The expiry. The session is live only before that time.
    pub expires_at: DateTime<Utc>,
    /// The application's data.
    pub data: Option<T>,
}

/// Returns a placeholder for data that must not appear in logs.
fn hidden<T>(data: &Option<T>) -> Option<Hidden<()>> {
    data.as_ref().map(|_| Hidden(()))
}

impl<T> fmt::Debug for Session<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id)
            .field("user_id", &self.user_id)
            .field("created_at", &self.created_at)
            .field("expires_at", &self.expires_at)
            .field("data", &hidden(&self.data))
            .finish()
    }
}

/// The options of a new session. `Debug` does not show its data.
#[derive(Clone, PartialEq, Eq)]
pub struct NewSession<T = Value> {
    user_id: String,
    data: Option<T>,
    lifetime: Option<Duration>,
}

impl<T> fmt::Debug for NewSession<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewSession")
            .field("user_id", &self.user_id)
            .field("data", &hidden(&self.data))
            .field("lifetime", &self.lifetime)
            .finish()
    }
}

impl<T> NewSession<T> {
    /// Creates the options of a session for a user, without data.
    #[must_use]
    pub fn new(user_id: impl Into<String>) -> Self {
        Self {
            user_id: user_id.into(),
            data: None,
            lifetime: None,
        }
    }

    /// Sets the application's data.
    #[must_use]
    pub fn data(mut self, data: T) -> Self {
        self.data = Some(data);
        self
    }

    /// Sets the session's lifetime, instead of the store's, such as a shorter one without "remember
    /// me". A session created with a shorter lifetime than the store's is not extended; see
    /// [`SessionStore::extend_shorter`].
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }
}

/// Sessions in the table `auth_sessions`.
///
/// A store holds only options: create it once as a `static`, or wherever it is needed. Every method
/// takes the connection, plain or pooled, and takes part in the transaction that is open on it.
/// Each method executes one statement, except [`find_and_touch`](Self::find_and_touch) and under
/// [`SessionIds::Migrating`].
///
/// ```
/// use covara_diesel::auth::{NewSession, SessionStore};
/// use covara_diesel::{auto_migrate, pool};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = pool::sqlite(":memory:")?;
/// let mut conn = pool.get()?;
/// auto_migrate(&mut conn)?;
///
/// let sessions = SessionStore::new();
/// let session = sessions.create(&mut conn, NewSession::new("ada"))?;
/// let cookie = session.id.expose();
///
/// let found = sessions.find(&mut conn, cookie)?.expect("it is live");
/// assert_eq!(found.user_id, "ada");
/// # Ok(())
/// # }
/// ```
pub struct SessionStore<T = Value> {
    lifetime: Duration,
    refresh_window: Duration,
    max_age: Option<Duration>,
    extend_shorter: bool,
    ids: SessionIds,
    clock: Clock,
    data: PhantomData<fn() -> T>,
}

impl SessionStore {
    /// Creates a store with a lifetime of 30 days after the last extension, at most one extension
    /// per minute, no maximum age, and hashed ids in the table.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            lifetime: LIFETIME,
            refresh_window: REFRESH_WINDOW,
            max_age: None,
            extend_shorter: false,
            ids: SessionIds::Hashed,
            clock: Clock::SYSTEM,
            data: PhantomData,
        }
    }
}

impl Default for SessionStore {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Clone for SessionStore<T> {
    fn clone(&self) -> Self {
        Self {
            clock: self.clock.clone(),
            ..*self
        }
    }
}

impl<T> fmt::Debug for SessionStore<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionStore")
            .field("lifetime", &self.lifetime)
            .field("refresh_window", &self.refresh_window)
            .field("max_age", &self.max_age)
            .field("extend_shorter", &self.extend_shorter)
            .field("ids", &self.ids)
            .field("clock", &self.clock)
            .finish()
    }
}

impl<T> SessionStore<T> {
    /// Sets the lifetime of a session after its creation or extension. Default: 30 days.
    ///
    /// After raising it, existing sessions are extended only once they are older than the
    /// difference; see [`extend_shorter`](Self::extend_shorter).
    #[must_use]
    pub const fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Sets the least time between two extensions of one session, so that a busy user does not cost
    /// a write per request. Default: one minute.
    #[must_use]
    pub const fn refresh_window(mut self, window: Duration) -> Self {
        self.refresh_window = window;
        self
    }

    /// Sets the maximum age of a session, however often it is extended. The user must sign in again
    /// after that. Default: no limit.
    #[must_use]
    pub const fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// Sets whether [`touch`](Self::touch) and [`find_and_touch`](Self::find_and_touch) also extend
    /// sessions whose lifetime is shorter than this store's [`lifetime`](Self::lifetime), because
    /// [`NewSession::lifetime`] or another program, such as Covara (TypeScript) with its 24 hours,
    /// set it. Extended sessions then get this store's lifetime. Default: `false`, and such a
    /// session expires at its original time.
    ///
    /// To extend sessions of several lifetimes, each by its own, touch each with a store of that
    /// lifetime.
    #[must_use]
    pub const fn extend_shorter(mut self, extend: bool) -> Self {
        self.extend_shorter = extend;
        self
    }

    /// Sets the form in which the table holds session ids. Default: [`SessionIds::Hashed`].
    ///
    /// ```
    /// use covara_diesel::auth::{NewSession, SessionIds, SessionStore};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let pool = covara_diesel::pool::sqlite(":memory:")?;
    /// # let mut conn = pool.get()?;
    /// # covara_diesel::auto_migrate(&mut conn)?;
    /// // Signed in before an upgrade, with the cookie's own text in the table.
    /// let before = SessionStore::new().ids(SessionIds::Plain);
    /// let cookie = before.create(&mut conn, NewSession::new("ada"))?.id;
    ///
    /// let sessions = SessionStore::new().ids(SessionIds::Migrating);
    /// assert!(sessions.find_and_touch(&mut conn, &cookie)?.is_some());
    ///
    /// let listed = sessions.list_for_user(&mut conn, "ada")?.remove(0)?;
    /// assert!(listed.id.expose().starts_with("sha256$"));
    /// assert!(sessions.find(&mut conn, &listed.id)?.is_none()); // no way to sign in
    /// assert!(sessions.delete(&mut conn, &listed.id)?);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub const fn ids(mut self, ids: SessionIds) -> Self {
        self.ids = ids;
        self
    }

    /// Reads the time from `now` instead of the system's clock, so that tests need not sleep:
    ///
    /// ```
    /// use std::sync::{Arc, Mutex};
    /// use std::time::Duration;
    ///
    /// use chrono::{DateTime, Utc};
    /// use covara_diesel::auth::{NewSession, SessionStore};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let pool = covara_diesel::pool::sqlite(":memory:")?;
    /// # let mut conn = pool.get()?;
    /// # covara_diesel::auto_migrate(&mut conn)?;
    /// let now = Arc::new(Mutex::new(DateTime::<Utc>::UNIX_EPOCH));
    /// let hand = Arc::clone(&now);
    /// let sessions = SessionStore::new().clock(move || *hand.lock().expect("no panic"));
    ///
    /// let session = sessions.create(&mut conn, NewSession::new("ada"))?;
    /// *now.lock().expect("no panic") += Duration::from_secs(365 * 24 * 60 * 60);
    /// assert!(sessions.find(&mut conn, &session.id)?.is_none());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn clock(mut self, now: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        self.clock = Clock::new(now);
        self
    }

    /// Keeps data of the type `U` in the sessions, converted by its serde implementation.
    ///
    /// ```
    /// use covara_diesel::auth::{NewSession, SessionStore};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Serialize, Deserialize)]
    /// struct Cart {
    ///     items: Vec<String>,
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let pool = covara_diesel::pool::sqlite(":memory:")?;
    /// # let mut conn = pool.get()?;
    /// # covara_diesel::auto_migrate(&mut conn)?;
    /// let sessions = SessionStore::new().typed::<Cart>();
    /// let cart = Cart { items: vec!["tea".to_owned()] };
    /// let id = sessions.create(&mut conn, NewSession::new("ada").data(cart))?.id;
    ///
    /// let session = sessions.find(&mut conn, id)?.expect("it is live");
    /// assert_eq!(session.data.expect("there is a cart").items, ["tea"]);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn typed<U>(self) -> SessionStore<U> {
        SessionStore {
            lifetime: self.lifetime,
            refresh_window: self.refresh_window,
            max_age: self.max_age,
            extend_shorter: self.extend_shorter,
            ids: self.ids,
            clock: self.clock,
            data: PhantomData,
        }
    }
}
