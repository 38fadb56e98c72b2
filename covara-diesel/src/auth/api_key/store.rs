//! What can be done with API keys.

use covara_derive::any_database;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, Utc};

use super::hash::{self, Made, Parts};
use super::new_row::{NewRow, successor};
use super::sql::{
    Check, Checked, Create, Delete, DeleteForUser, Find, KeyChecker, KeyReader, ListForUser,
    Replace, Revoke, Stamp, Upgrade, has_ended,
};
use super::{ApiKey, ApiKeyChanges, ApiKeyStore, NewApiKey};
use crate::auth::clock;
use crate::auth::error::{AuthError, Rejected, RowError};
use crate::auth::secret::ApiKeySecret;
use crate::auth::statement::{Bind, Bound, all, execute, first, moment, stored};
use crate::connection::DatabaseConnection;

/// Whether this process has met a hash of Covara's. It decides over nothing but time.
static SCRYPT_MET: AtomicBool = AtomicBool::new(false);

#[any_database]
impl ApiKeyStore {
    /// Makes a key. Its plain text is here once and nowhere again.
    ///
    /// # Errors
    ///
    /// The database's, a text with NUL on PostgreSQL, an end beyond what the database can
    /// hold.
    pub fn create<C>(
        &self,
        conn: &mut C,
        new: NewApiKey,
    ) -> Result<(ApiKeySecret, ApiKey), AuthError>
    where
        C: DatabaseConnection,
    {
        let now = self.clock.now();
        let end = new.end.map_or(Ok(None), |end| end.time(now))?;
        let made = Made::new(new.prefix.as_deref())?;
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
        execute(conn, Create, new.values()).map_err(AuthError::of::<C::Backend>)?;
        Ok((made.key, new.key))
    }

    /// The key that this is the plain text of, if it is valid, and notes its use.
    ///
    /// A wrong secret takes as long as an unknown id and gives the same answer; for what little
    /// keys that Covara made leave to be told, see [`scrypt`](Self::scrypt).
    ///
    /// # Errors
    ///
    /// [`Rejected::NotFound`], [`Expired`](Rejected::Expired) or
    /// [`Revoked`](Rejected::Revoked) when it is not valid;
    /// [`Failed`](Rejected::Failed) when that could not be found out, as the database failed
    /// or the row cannot be read.
    pub fn verify<C>(&self, conn: &mut C, secret: impl AsRef<str>) -> Result<ApiKey, Rejected>
    where
        C: DatabaseConnection,
    {
        let secret = secret.as_ref();
        let Some(parts) = Parts::of(secret) else {
            return Err(Rejected::NotFound);
        };
        let now = self.clock.now();
        let hash = hash::of(secret);
        let checker = KeyChecker {
            id: parts.id,
            head: parts.head,
            hash: &hash,
        };
        let found = first(conn, Check, [Bind::key(parts.id)], checker);
        let mut key = match found.map_err(AuthError::of::<C::Backend>)? {
            Some(Checked::Right(key)) => key.map_err(AuthError::from)?,
            Some(Checked::Scrypt(stored, key)) if self.scrypt => {
                SCRYPT_MET.store(true, Ordering::Relaxed);
                if !hash::scrypt_matches(&stored, secret) {
                    return Err(Rejected::NotFound);
                }
                let values = [Bind::from(&hash), Bind::from(parts.id), Bind::from(&stored)];
                execute(conn, Upgrade, values).map_err(AuthError::of::<C::Backend>)?;
                key.map_err(AuthError::from)?
            }
            other => {
                if matches!(other, Some(Checked::WrongByScrypt)) {
                    SCRYPT_MET.store(true, Ordering::Relaxed);
                }
                if self.scrypt && SCRYPT_MET.load(Ordering::Relaxed) {
                    hash::pretend_scrypt(secret);
                }
                return Err(Rejected::NotFound);
            }
        };
        if has_ended(key.expires_at, now) {
            return Err(Rejected::Expired);
        }
        if key.revoked_at.is_some() {
            return Err(Rejected::Revoked);
        }
        if self.stamp(conn, &mut key, now)? {
            return Ok(key);
        }
        // Meanwhile it was revoked or deleted, or another noted its use.
        match self.find(conn, &key.id)? {
            Some(key) if key.revoked_at.is_none() => Ok(key),
            Some(_) => Err(Rejected::Revoked),
            None => Err(Rejected::NotFound),
        }
    }

    /// Notes the use of a key if that is due, and says whether all is as it was read. It
    /// writes that one column, so it cannot undo a revocation.
    fn stamp<C>(
        &self,
        conn: &mut C,
        key: &mut ApiKey,
        now: DateTime<Utc>,
    ) -> Result<bool, AuthError>
    where
        C: DatabaseConnection,
    {
        let due = clock::before(now, self.use_window);
        if key.last_used_at.is_some_and(|last| last > due) {
            return Ok(true);
        }
        let (time, used_at) = stored::<C::Backend>(now, "the time of use")?;
        let values = [Bind::time(time), Bind::from(&key.id), moment(due)];
        let noted = execute(conn, Stamp, values).map_err(AuthError::of::<C::Backend>)?;
        key.last_used_at = Some(used_at);
        Ok(noted > 0)
    }

    /// The key with this id, valid or not.
    ///
    /// # Errors
    ///
    /// The database's, and a row that cannot be read.
    pub fn find<C>(&self, conn: &mut C, id: impl AsRef<str>) -> Result<Option<ApiKey>, AuthError>
    where
        C: DatabaseConnection,
    {
        let found = first(conn, Find, [Bind::key(id.as_ref())], KeyReader);
        Ok(found.map_err(AuthError::of::<C::Backend>)?.transpose()?)
    }

    /// Puts a new key in the place of one that is not revoked, with the same user, name,
    /// prefix, scopes and end unless told otherwise. The old one is revoked in the same
    /// transaction. `None` when there is no such key, or when the new one would have ended
    /// already; then nothing has changed.
    ///
    /// # Errors
    ///
    /// Those of [`create`](Self::create). Then the old key is as it was.
    pub fn rotate<C>(
        &self,
        conn: &mut C,
        id: impl AsRef<str>,
        changes: ApiKeyChanges,
    ) -> Result<Option<(ApiKeySecret, ApiKey)>, AuthError>
    where
        C: DatabaseConnection,
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
        let changed = conn
            .execute_atomically(&[&replace, &revoke])
            .map_err(AuthError::of::<C::Backend>)?;
        Ok((changed.first() == Some(&1)).then_some((secret, new.key)))
    }

    /// Revokes a key for ever and says whether it was valid for anything before.
    ///
    /// # Errors
    ///
    /// The database's; then the key is as it was.
    pub fn revoke<C>(&self, conn: &mut C, id: impl AsRef<str>) -> Result<bool, AuthError>
    where
        C: DatabaseConnection,
    {
        let (now, _) = stored::<C::Backend>(self.clock.now(), "the time of revocation")?;
        let revoked = execute(conn, Revoke, [Bind::time(now), Bind::key(id.as_ref())]);
        Ok(revoked.map_err(AuthError::of::<C::Backend>)? > 0)
    }

    /// A user's keys, the newest first, with those that ended or were revoked.
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
    ) -> Result<Vec<Result<ApiKey, RowError>>, AuthError>
    where
        C: DatabaseConnection,
    {
        all(conn, ListForUser, [Bind::key(user_id.as_ref())], KeyReader)
            .map_err(AuthError::of::<C::Backend>)
    }

    /// Deletes a key with all that is known of it, and says whether it was there.
    ///
    /// # Errors
    ///
    /// The database's.
    pub fn delete<C>(&self, conn: &mut C, id: impl AsRef<str>) -> Result<bool, AuthError>
    where
        C: DatabaseConnection,
    {
        let deleted = execute(conn, Delete, [Bind::key(id.as_ref())]);
        Ok(deleted.map_err(AuthError::of::<C::Backend>)? > 0)
    }

    /// Deletes all keys of a user and returns how many there were.
    ///
    /// # Errors
    ///
    /// The database's.
    pub fn delete_for_user<C>(
        &self,
        conn: &mut C,
        user_id: impl AsRef<str>,
    ) -> Result<usize, AuthError>
    where
        C: DatabaseConnection,
    {
        execute(conn, DeleteForUser, [Bind::key(user_id.as_ref())])
            .map_err(AuthError::of::<C::Backend>)
    }
}
