//! What can be done with many sessions at once.

use chrono::{DateTime, Utc};
use covara_derive::any_database;
use serde::de::DeserializeOwned;

use super::sql::{DeleteExpired, DeleteForUser, List, ListForUser, Read, SessionReader};
use super::{Session, SessionStore};
use crate::auth::error::{AuthError, RowError};
use crate::auth::secret::SessionId;
use crate::auth::statement::{Bind, all, execute, moment};
use crate::backend::connection::DatabaseConnection;
use crate::backend::values::Values;

#[any_database]
impl<T: DeserializeOwned> SessionStore<T> {
    /// Returns all live sessions, the newest first. Each is read into memory; for one user's
    /// there is [`list_for_user`](Self::list_for_user).
    ///
    /// Their ids are those that the table has; see [`list_for_user`](Self::list_for_user).
    ///
    /// A row that cannot be read is an error in its place and spoils no other.
    ///
    /// # Errors
    ///
    /// The database's.
    pub fn list<C>(&self, conn: &mut C) -> Result<Vec<Result<Session<T>, RowError>>, AuthError>
    where
        C: DatabaseConnection,
    {
        let now = self.clock.now();
        let rows = all(conn, List, [moment(now)], SessionReader(None));
        Ok(self.young(rows.map_err(AuthError::of::<C::Backend>)?, now))
    }

    /// Returns a user's live sessions, the newest first.
    ///
    /// Their ids are those that the table has. Under [`SessionIds::Hashed`](crate::auth::SessionIds::Hashed) these are handles:
    /// they tell sessions apart, can be sent to the user's browser,
    /// [`delete`](Self::delete) a session and keep one from
    /// [`delete_for_user`](Self::delete_for_user), but sign nobody in.
    /// [`handle`](Self::handle) gives that of the request's own session.
    ///
    /// A row that cannot be read is an error in its place and spoils no other.
    ///
    /// # Errors
    ///
    /// The database's.
    pub fn list_for_user<C>(
        &self,
        conn: &mut C,
        user_id: impl AsRef<str>,
    ) -> Result<Vec<Result<Session<T>, RowError>>, AuthError>
    where
        C: DatabaseConnection,
    {
        let now = self.clock.now();
        let values = [Bind::key(user_id.as_ref()), moment(now)];
        let rows = all(conn, ListForUser, values, SessionReader(None));
        Ok(self.young(rows.map_err(AuthError::of::<C::Backend>)?, now))
    }

    /// Only those that are not too old.
    fn young(&self, rows: Vec<Read<T>>, now: DateTime<Utc>) -> Vec<Result<Session<T>, RowError>> {
        let rows = rows.into_iter().map(|(_, row)| row);
        rows.filter(|row| match row {
            Ok(session) => self.is_young(session.created_at, now),
            Err(_) => true,
        })
        .collect()
    }
}

#[any_database]
impl<T> SessionStore<T> {
    /// Ends all sessions of a user except the one to keep, which its cookie or a handle
    /// names: log-out everywhere (else). Returns how many there were.
    ///
    /// # Errors
    ///
    /// The database's; then none was ended.
    pub fn delete_for_user<C>(
        &self,
        conn: &mut C,
        user_id: impl AsRef<str>,
        keep: Option<&SessionId>,
    ) -> Result<usize, AuthError>
    where
        C: DatabaseConnection,
    {
        let keep = keep.map(|id| self.ids.named(id.expose()));
        let stored = keep.as_ref().map(|keep| &*keep.id);
        let plain = keep.as_ref().map(|keep| keep.plain);
        let values = [
            Bind::key(user_id.as_ref()),
            Bind::text(stored.filter(|id| C::Backend::holds(id))),
            Bind::text(plain.filter(|id| C::Backend::holds(id))),
        ];
        execute(conn, DeleteForUser, values).map_err(AuthError::of::<C::Backend>)
    }

    /// Deletes at most `limit` sessions that ended at `now` or before, the oldest first, and
    /// returns how many. Call it until it returns less than `limit`; several processes may at
    /// once.
    ///
    /// # Errors
    ///
    /// The database's.
    pub fn delete_expired<C>(
        &self,
        conn: &mut C,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<usize, AuthError>
    where
        C: DatabaseConnection,
    {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let values = [moment(now), Bind::Number(limit)];
        execute(conn, DeleteExpired, values).map_err(AuthError::of::<C::Backend>)
    }
}
