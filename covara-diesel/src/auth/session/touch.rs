//! The extension of sessions.

use chrono::{DateTime, Utc};
use covara_derive::any_database;
use diesel::QueryResult;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::ids::StoredIds;
use super::sql::{Hash, Touch, TouchCapped};
use super::store::{END, settling};
use super::{Session, SessionStore};
use crate::auth::clock;
use crate::auth::engine::{AuthDatabase, AuthEngine};
use crate::auth::error::AuthError;
use crate::auth::statement::{Bind, StatementSql, execute, execute_briefly, moment, stored};
use crate::backend::connection::BackendConnection;

#[any_database(AuthDatabase)]
impl<T: Serialize + DeserializeOwned> SessionStore<T> {
    /// Performs [`find`](Self::find) and [`touch`](Self::touch) in one call, for the start of every
    /// request. It writes at most once per refresh window.
    ///
    /// The session is returned even when it cannot be extended, such as on a read-only connection,
    /// on a replica, or beside a long write transaction. It waits for other writers for at most a
    /// tenth of a second, over HTTP two seconds, and the next request tries again.
    ///
    /// # Errors
    ///
    /// Those of [`find`](Self::find).
    pub fn find_and_touch<C>(
        &self,
        conn: &mut C,
        id: impl AsRef<str>,
    ) -> Result<Option<Session<T>>, AuthError>
    where
        C: BackendConnection<Backend: AuthEngine>,
    {
        let now = self.clock.now();
        let Some(id) = self.ids.of_cookie(id.as_ref()) else {
            return Ok(None);
        };
        let Some(found) = self.find_at(conn, &id, now)? else {
            return Ok(None);
        };
        let mut session = found.session;
        // The session was found, whatever prevents a write. If the first write fails, the second
        // would fail too.
        if !found.is_settled && execute_briefly(conn, Hash, settling(&id, now)).is_err() {
            return Ok(Some(session));
        }
        if let Some(end) = self.due_end::<C::Backend>(&session, now) {
            let extended = self.touch_at(conn, &id, now, IsNeeded::No);
            if extended.is_ok_and(|extended| extended) {
                session.expires_at = end;
            }
        }
        Ok(Some(session))
    }

    /// Extends a live session to its full lifetime, counted from now. Returns whether it did so:
    /// `false` when the session is not live, when it was extended within the refresh window, or
    /// when it was created with a shorter lifetime; see [`extend_shorter`](Self::extend_shorter).
    ///
    /// # Errors
    ///
    /// Errors of the database, and an expiry outside its range.
    pub fn touch<C>(&self, conn: &mut C, id: impl AsRef<str>) -> Result<bool, AuthError>
    where
        C: BackendConnection<Backend: AuthEngine>,
    {
        let now = self.clock.now();
        let Some(id) = self.ids.of_cookie(id.as_ref()) else {
            return Ok(false);
        };
        self.settle(conn, &id, now)?;
        self.touch_at(conn, &id, now, IsNeeded::Yes)
    }

    /// Returns the new expiry of a session if an extension is due now.
    fn due_end<DB: AuthEngine>(
        &self,
        session: &Session<T>,
        now: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let mut end = clock::after(now, self.lifetime, END).ok()?;
        let mut due = session.expires_at < clock::before(end, self.refresh_window);
        // A maximum age that ends beyond chrono's range is no limit.
        let cap = self.max_age;
        if let Some(last) = cap.and_then(|age| clock::after(session.created_at, age, END).ok()) {
            end = end.min(last);
            due = due && session.expires_at < end;
        }
        let span = (session.expires_at - session.created_at).to_std().ok()?;
        due = due && DB::ticks(span) >= self.least_span::<DB>();
        let (_, end) = stored::<DB>(end, END).ok()?;
        due.then_some(end)
    }

    /// Returns the shortest lifetime, in ticks, that a session must have to be extended. A session
    /// created with a shorter one is never extended, so its lifetime never changes.
    fn least_span<DB: AuthEngine>(&self) -> i64 {
        match self.extend_shorter {
            true => 0,
            false => DB::ticks(self.lifetime),
        }
    }

    fn touch_at<C>(
        &self,
        conn: &mut C,
        id: &StoredIds<'_>,
        now: DateTime<Utc>,
        is_needed: IsNeeded,
    ) -> Result<bool, AuthError>
    where
        C: BackendConnection<Backend: AuthEngine>,
    {
        let end = clock::after(now, self.lifetime, END)?;
        let (new_end, _) = stored::<C::Backend>(end, END)?;
        let due = moment(clock::before(end, self.refresh_window));
        let least = Bind::Number(self.least_span::<C::Backend>());
        let written = match self.cap(now) {
            None => {
                let values = [
                    Bind::time(new_end),
                    Bind::key(&id.id),
                    moment(now),
                    due,
                    least,
                ];
                is_needed.execute(conn, Touch, values)
            }
            Some(age) => {
                let age = C::Backend::ticks(age);
                let values = [
                    Bind::time(new_end),
                    Bind::Number(age),
                    Bind::key(&id.id),
                    moment(now),
                    due,
                    least,
                    Bind::Number(age),
                    moment(self.oldest(now)),
                ];
                is_needed.execute(conn, TouchCapped, values)
            }
        };
        Ok(written? > 0)
    }
}

/// The choice between a write that must succeed and an optional one.
#[derive(Clone, Copy)]
enum IsNeeded {
    Yes,
    No,
}

impl IsNeeded {
    fn execute<C, S, const N: usize>(
        self,
        conn: &mut C,
        statement: S,
        values: [Bind<'_, C::Backend>; N],
    ) -> QueryResult<usize>
    where
        C: BackendConnection<Backend: AuthEngine>,
        S: StatementSql<C::Backend>,
    {
        match self {
            Self::Yes => execute(conn, statement, values),
            Self::No => execute_briefly(conn, statement, values),
        }
    }
}
