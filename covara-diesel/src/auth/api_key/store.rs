//! The operations on API keys.

use std::time::Duration;

use chrono::{DateTime, Utc};
use covara_derive::any_database;

use super::hash::{self, Hash, StoredHash};
use super::key::{MadeKey, id_of};
use super::new_row::{NewRow, successor};
use super::sql::{
    Check, Checked, Close, Create, Delete, DeleteForUser, Find, KeyChecker, KeyReader, ListForUser,
    Replace, Revoke, Stamp, StoredKey, TABLE, has_ended,
};
use super::{ApiKey, ApiKeyChanges, ApiKeyStore, NewApiKey, costly};
use crate::auth::clock;
use crate::auth::engine::{AuthDatabase, AuthEngine};
use crate::auth::error::{AuthError, Rejected, RowError};
use crate::auth::secret::ApiKeySecret;
use crate::auth::statement::{Bind, Bound, all, execute, execute_briefly, first, moment, stored};
use crate::auth::turns::{delete_in_turn, in_turn};
use crate::backend::connection::BackendConnection;

impl ApiKeyStore {
    fn costly_matches(&self, text: &str, secret: &str) -> Result<bool, AuthError> {
        match StoredHash::of(text).hash {
            Hash::Scrypt(hash) if self.scrypt => costly::matches(text, &hash, secret),
            _ => Ok(false),
        }
    }
}

#[any_database(AuthDatabase)]
impl ApiKeyStore {
    /// Creates a key. Its plain text is returned here and cannot be retrieved later.
    ///
    /// # Errors
    ///
    /// Errors of the database, a text with NUL on PostgreSQL, an expiry outside the database's
    /// range.
    pub fn create<C>(
        &self,
        conn: &mut C,
        new: NewApiKey,
    ) -> Result<(ApiKeySecret, ApiKey), AuthError>
    where
        C: BackendConnection<Backend: AuthEngine>,
    {
        let now = self.clock.now();
        let end = new.end.map_or(Ok(None), |end| end.time(now))?;
        let made = MadeKey::new(new.prefix.as_deref())?;
        let key = ApiKey {
            id: made.id,
            user_id: new.user_id,
            name: new.name,
            key_prefix: made.head,
            scopes: new.scopes,
            created_at: now,
            expires_at: end,
            last_used_at: None,
            revoked_at: None,
        };
        let new = NewRow::new(key, made.hash)?;
        execute(conn, Create, new.values())?;
        Ok((made.key, new.key))
    }

    /// Returns the key with this plain text if it is valid, and records its use.
    ///
    /// Recording the use is best effort. Where it cannot be written at once, such as beside a long
    /// write transaction, on a read-only connection or on a replica, the key is returned without
    /// it, after waiting at most 100 ms for a lock.
    ///
    /// An unknown id gets the same answer as a wrong secret, after as much work, unless the key's
    /// hash is costly; see [`scrypt`](Self::scrypt).
    ///
    /// # Errors
    ///
    /// [`Rejected::NotFound`], [`Expired`](Rejected::Expired) or [`Revoked`](Rejected::Revoked)
    /// when the key is not valid; [`Failed`](Rejected::Failed) when it could not be checked,
    /// because the database failed, the row cannot be read, or too many costly hashes are being
    /// computed.
    pub fn verify<C>(&self, conn: &mut C, secret: impl AsRef<str>) -> Result<ApiKey, Rejected>
    where
        C: BackendConnection<Backend: AuthEngine>,
    {
        let secret = secret.as_ref();
        let id = id_of(secret).ok_or(Rejected::NotFound)?;
        let now = self.clock.now();
        let checker = KeyChecker { id, key: secret };
        let found = first(conn, Check, [Bind::key(id)], checker);
        let found = match found.map_err(AuthError::from)? {
            Some(Checked::Right(found)) => Some(found),
            Some(Checked::Costly(text, found)) => {
                self.costly_matches(&text, secret)?.then_some(found)
            }
            Some(Checked::Wrong) => None,
            None => {
                hash::pretend(secret);
                None
            }
        };
        let StoredKey { key, revoked } = found.ok_or(Rejected::NotFound)?;
        let key = key.map_err(AuthError::from)?;
        if has_ended(key.expires_at, now) {
            return Err(Rejected::Expired);
        }
        if revoked || key.revoked_at.is_some() {
            return Err(Rejected::Revoked);
        }
        if !self.stamp(conn, &key, now)? {
            return Ok(key);
        }
        // The key may have been revoked or deleted in the meantime.
        match self.find(conn, &key.id)? {
            Some(key) if key.revoked_at.is_none() => Ok(key),
            Some(_) => Err(Rejected::Revoked),
            None => Err(Rejected::NotFound),
        }
    }

    /// Records the use of a key if that is due and can be done at once, and returns whether it was
    /// due. It writes only this column, so it cannot undo a revocation.
    fn stamp<C>(&self, conn: &mut C, key: &ApiKey, now: DateTime<Utc>) -> Result<bool, AuthError>
    where
        C: BackendConnection<Backend: AuthEngine>,
    {
        let due = clock::before(now, self.use_window);
        let is_due = key.last_used_at.is_none_or(|last| last <= due);
        if !is_due || self.use_window == Duration::MAX {
            return Ok(false);
        }
        if let Ok((time, _)) = stored::<C::Backend>(now, "the time of use") {
            let values = [Bind::time(time), Bind::from(&key.id), moment(due)];
            // The key is valid even if the write fails.
            let _ = execute_briefly(conn, Stamp, values);
        }
        Ok(true)
    }

    /// Returns the key with this id, valid or not.
    ///
    /// # Errors
    ///
    /// Errors of the database, and a row that cannot be read.
    pub fn find<C>(&self, conn: &mut C, id: impl AsRef<str>) -> Result<Option<ApiKey>, AuthError>
    where
        C: BackendConnection<Backend: AuthEngine>,
    {
        let found = first(conn, Find, [Bind::key(id.as_ref())], KeyReader);
        Ok(found?.transpose()?)
    }

    /// Replaces a key that is not revoked by a new one with the same user, name, prefix, scopes and
    /// expiry, except for the given changes. The old key is revoked in the same transaction, as by
    /// [`revoke`](Self::revoke). Returns `None` when there is no such key, or when the new one
    /// would have expired already; nothing has changed then.
    ///
    /// # Errors
    ///
    /// Those of [`create`](Self::create). The old key is unchanged then.
    pub fn rotate<C>(
        &self,
        conn: &mut C,
        id: impl AsRef<str>,
        changes: ApiKeyChanges,
    ) -> Result<Option<(ApiKeySecret, ApiKey)>, AuthError>
    where
        C: BackendConnection<Backend: AuthEngine>,
    {
        let Some(old) = self.find(conn, id)? else {
            return Ok(None);
        };
        let now = self.clock.now();
        let (revoked, _) = stored::<C::Backend>(now, "the time of revocation")?;
        let id = old.id.clone();
        let Some((secret, new)) = successor::<C::Backend>(old, changes, now)? else {
            return Ok(None);
        };
        let [a, b, c, d, e, f, g, h] = new.values();
        let replace = Bound::new(Replace, [a, b, c, d, e, f, g, h, Bind::from(&id)]);
        let revoke = Bound::new(Revoke, [Bind::time(revoked), Bind::from(&id)]);
        let changed = in_turn(conn, TABLE, &new.key.user_id, &[&replace, &revoke])?;
        Ok((changed.first() == Some(&1)).then_some((secret, new.key)))
    }

    /// Revokes a key permanently and returns whether it was not revoked before.
    ///
    /// Sets `revokedAt` and also marks the stored hash, so that the key is no longer valid for
    /// programs that do not read `revokedAt`, such as Covara (TypeScript). A key that another
    /// program or an earlier version of this library revoked gets the mark when this method revokes
    /// it again.
    ///
    /// # Errors
    ///
    /// Errors of the database; the key is unchanged then.
    pub fn revoke<C>(&self, conn: &mut C, id: impl AsRef<str>) -> Result<bool, AuthError>
    where
        C: BackendConnection<Backend: AuthEngine>,
    {
        let id = id.as_ref();
        let (now, _) = stored::<C::Backend>(self.clock.now(), "the time of revocation")?;
        let revoked = execute(conn, Revoke, [Bind::time(now), Bind::key(id)]);
        if revoked? > 0 {
            return Ok(true);
        }
        execute(conn, Close, [Bind::key(id)])?;
        Ok(false)
    }

    /// Lists a user's keys, including expired and revoked ones, newest first and by id where the
    /// times are equal.
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
    ) -> Result<Vec<Result<ApiKey, RowError>>, AuthError>
    where
        C: BackendConnection<Backend: AuthEngine>,
    {
        all(conn, ListForUser, [Bind::key(user_id.as_ref())], KeyReader).map_err(AuthError::from)
    }

    /// Deletes a key's row and returns whether it existed.
    ///
    /// # Errors
    ///
    /// Errors of the database.
    pub fn delete<C>(&self, conn: &mut C, id: impl AsRef<str>) -> Result<bool, AuthError>
    where
        C: BackendConnection<Backend: AuthEngine>,
    {
        let deleted = execute(conn, Delete, [Bind::key(id.as_ref())]);
        Ok(deleted? > 0)
    }

    /// Deletes all keys of a user and returns how many there were, including one that
    /// [`rotate`](Self::rotate) is writing at the same time. A key that a concurrent
    /// [`create`](Self::create) has not committed yet remains: end the user's sessions first.
    ///
    /// # Errors
    ///
    /// Errors of the database. In a transaction of yours at PostgreSQL's `REPEATABLE READ` or
    /// `SERIALIZABLE` that includes a serialization failure if a key was rotated since it began.
    pub fn delete_for_user<C>(
        &self,
        conn: &mut C,
        user_id: impl AsRef<str>,
    ) -> Result<usize, AuthError>
    where
        C: BackendConnection<Backend: AuthEngine>,
    {
        delete_in_turn(conn, TABLE, user_id.as_ref(), DeleteForUser).map_err(AuthError::from)
    }
}
