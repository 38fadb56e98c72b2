//! The operations on many sessions at once.

use chrono::{DateTime, Utc};
use covara_derive::any_database;
use serde::de::DeserializeOwned;

use super::sql::{DeleteExpired, DeleteForUser, List, ListForUser, Read, SessionReader};
use super::{Session, SessionStore};
use crate::auth::engine::{AuthDatabase, AuthEngine};
use crate::auth::error::{AuthError, RowError};
use crate::auth::secret::SessionId;
use crate::auth::statement::{Bind, all, execute, moment};
use crate::backend::connection::BackendConnection;

#[any_database(AuthDatabase)]
impl<T: DeserializeOwned> SessionStore<T> {
    /// Lists all live sessions, newest first. All of them are read into memory; to list one user's,
    /// call [`list_for_user`](Self::list_for_user).
    ///
    /// Their ids are those stored in the table; see [`list_for_user`](Self::list_for_user).
    ///
    /// A row that cannot be read is returned as an error in its place and does not affect the
    /// others.
    ///
    /// # Errors
    ///
    /// Errors of the database.
    pub fn list<C>(&self, conn: &mut C) -> Result<Vec<Result<Session<T>, RowError>>, AuthError>
    where
        C: BackendConnection<Backend: AuthEngine>,
    {
        let now = self.clock.now();
        let rows = all(conn, List, [moment(now)], SessionReader(None));
        Ok(self.retain_within_max_age(rows?, now))
    }

    /// Lists a user's live sessions, newest first.
    ///
    /// Their ids are those stored in the table. Under
    /// [`SessionIds::Hashed`](crate::auth::SessionIds::Hashed) these are handles: they identify a
    /// session, may be sent to the user's browser, and are accepted by [`delete`](Self::delete)
    /// and, as the session to keep, by [`delete_for_user`](Self::delete_for_user), but nobody can
    /// sign in with them. [`handle`](Self::handle) returns the handle of the request's own session.
    ///
    /// A row that cannot be read is returned as an error in its place and does not affect the
    /// others.
    ///
    /// # Errors
    ///
    /// Errors of the database.
    pub fn list_for_user<C>(
        &self,
        conn: &mut C,
        user_id: impl AsRef<str>,
    ) -> Result<Vec<Result<Session<T>, RowError>>, AuthError>
    where
        C: BackendConnection<Backend: AuthEngine>,
    {
        let now = self.clock.now();
        let values = [Bind::key(user_id.as_ref()), moment(now)];
        let rows = all(conn, ListForUser, values, SessionReader(None));
        Ok(self.retain_within_max_age(rows?, now))
    }

    /// Removes the sessions that exceed the maximum age. Errors are kept.
    fn retain_within_max_age(
        &self,
        rows: Vec<Read<T>>,
        now: DateTime<Utc>,
    ) -> Vec<Result<Session<T>, RowError>> {
        let rows = rows.into_iter().map(|(_, row)| row);
        rows.filter(|row| match row {
            Ok(session) => self.is_within_max_age(session.created_at, now),
            Err(_) => true,
        })
        .collect()
    }
}

#[any_database(AuthDatabase)]
impl<T> SessionStore<T> {
    /// Ends all sessions of a user except `keep`, which is a cookie or a handle: log-out everywhere
    /// (else). Returns how many were ended.
    ///
    /// # Errors
    ///
    /// Errors of the database; no session was ended then.
    pub fn delete_for_user<C>(
        &self,
        conn: &mut C,
        user_id: impl AsRef<str>,
        keep: Option<&SessionId>,
    ) -> Result<usize, AuthError>
    where
        C: BackendConnection<Backend: AuthEngine>,
    {
        let keep = keep.map(|id| self.ids.named(id.expose()));
        let stored = keep.as_ref().map(|keep| &*keep.id);
        let plain = keep.as_ref().map(|keep| keep.plain);
        let values = [
            Bind::key(user_id.as_ref()),
            Bind::text(stored.filter(|id| C::Backend::holds(id))),
            Bind::text(plain.filter(|id| C::Backend::holds(id))),
        ];
        execute(conn, DeleteForUser, values).map_err(AuthError::from)
    }

    /// Deletes at most `limit` sessions that expired at or before `now`, oldest first, and returns
    /// how many. Call it until it returns less than `limit`. Several processes may call it at once.
    ///
    /// # Errors
    ///
    /// Errors of the database.
    pub fn delete_expired<C>(
        &self,
        conn: &mut C,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<usize, AuthError>
    where
        C: BackendConnection<Backend: AuthEngine>,
    {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let values = [moment(now), Bind::Number(limit)];
        execute(conn, DeleteExpired, values).map_err(AuthError::from)
    }
}
