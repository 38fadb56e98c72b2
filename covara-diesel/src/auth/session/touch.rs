//! How sessions are extended.

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
use crate::auth::error::AuthError;
use crate::auth::statement::{Bind, StatementSql, execute, execute_briefly, moment, stored};
use crate::backend::connection::DatabaseConnection;
use crate::backend::engine::Engine;
use crate::backend::values::Values;

#[any_database]
impl<T: Serialize + DeserializeOwned> SessionStore<T> {
    /// Does [`find`](Self::find) and [`touch`](Self::touch) in one call, for the start of
    /// every request: it writes at most once per refresh window.
    ///
    /// What is found is returned even when it cannot be extended, as on a read-only
    /// connection or a replica, or beside somebody who writes for long: it waits for others
    /// for a tenth of a second at most, over HTTP for two seconds, and the next request
    /// tries again.
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
        C: DatabaseConnection,
    {
        let now = self.clock.now();
        let Some(id) = self.ids.of_cookie(id.as_ref()) else {
            return Ok(None);
        };
        let Some(found) = self.find_at(conn, &id, now)? else {
            return Ok(None);
        };
        let mut session = found.session;
        // Whatever is in the way, the session was found; what is in the way of one write is in the
        // way of the other.
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

    /// Extends a live session to its full lifetime, counted from now, and returns whether it
    /// did: not when the session is not live, when it was extended within the refresh window,
    /// or when it was made for a shorter time; see
    /// [`extend_shorter`](Self::extend_shorter).
    ///
    /// # Errors
    ///
    /// The database's, and an end beyond what it can hold.
    pub fn touch<C>(&self, conn: &mut C, id: impl AsRef<str>) -> Result<bool, AuthError>
    where
        C: DatabaseConnection,
    {
        let now = self.clock.now();
        let Some(id) = self.ids.of_cookie(id.as_ref()) else {
            return Ok(false);
        };
        self.settle(conn, &id, now)?;
        self.touch_at(conn, &id, now, IsNeeded::Yes)
    }

    /// Returns the end to which a session is to be extended now, if it is.
    fn due_end<DB: Engine>(
        &self,
        session: &Session<T>,
        now: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let mut end = clock::after(now, self.lifetime, END).ok()?;
        let mut due = session.expires_at < clock::before(end, self.refresh_window);
        // A cap beyond the end of time is none.
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

    /// The span from start to end that a session must have to be extended, in ticks: one made
    /// for less is never touched, so its span stays as it was made.
    fn least_span<DB: Engine>(&self) -> i64 {
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
        C: DatabaseConnection,
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
        Ok(written.map_err(AuthError::of::<C::Backend>)? > 0)
    }
}

/// Whether a write must happen, or only helps.
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
        C: DatabaseConnection,
        S: StatementSql<C::Backend>,
    {
        match self {
            Self::Yes => execute(conn, statement, values),
            Self::No => execute_briefly(conn, statement, values),
        }
    }
}
