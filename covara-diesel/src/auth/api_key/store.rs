//! What can be done with API keys.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::hash::{self, Made, Parts};
use super::sql::{
    Check, Checked, Create, Delete, DeleteForUser, Find, KeyChecker, KeyReader, ListForUser,
    Retire, Revoke, Stamp, Upgrade, has_ended,
};
use super::{ApiKey, ApiKeyChanges, ApiKeyStore, NewApiKey};
use crate::auth::error::{AuthError, Rejected, RowError};
use crate::auth::secret::ApiKeySecret;
use crate::auth::statement::{Bind, all, execute, first, moment, storable, stored};
use crate::auth::{clock, json};
use crate::connection::{DatabaseConnection, Transaction};
use crate::values::{JsonText, Values};

/// Whether this process has met a hash of Covara's. It decides over nothing but time.
static SCRYPT_MET: AtomicBool = AtomicBool::new(false);

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
        let end = new.end.time(now)?;
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
        let key = insert(conn, key, &made.hash)?;
        Ok((made.key, key))
    }

    /// The key that this is the plain text of, if it is valid, and notes its use.
    ///
    /// A wrong secret takes as long as an unknown id and gives the same answer.
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
        let Some(parts) = Parts::of(secret).filter(|_| C::Backend::holds(secret)) else {
            return Err(Rejected::NotFound);
        };
        let now = self.clock.now();
        let hash = hash::of(secret);
        let checker = KeyChecker {
            id: parts.id,
            head: parts.head,
            hash: &hash,
        };
        let found = first(conn, Check, [Bind::from(parts.id)], checker);
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
            Some(_) | None => {
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
        if !C::Backend::holds(id.as_ref()) {
            return Ok(None);
        }
        let found = first(conn, Find, [Bind::from(id.as_ref())], KeyReader);
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
        let id = id.as_ref();
        if !C::Backend::holds(id) {
            return Ok(None);
        }
        let now = self.clock.now();
        // The busy timeout the connection has is the one its user wants.
        let mut transaction = Transaction::begin(conn, |conn| conn.begin_write(Duration::ZERO))
            .map_err(AuthError::of::<C::Backend>)?;
        let rotated = rotate(transaction.conn(), id, changes, now)?;
        if rotated.is_some() {
            transaction.commit().map_err(AuthError::of::<C::Backend>)?;
        }
        Ok(rotated)
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
        if !C::Backend::holds(id.as_ref()) {
            return Ok(false);
        }
        let (now, _) = stored::<C::Backend>(self.clock.now(), "the time of revocation")?;
        let revoked = execute(conn, Revoke, [Bind::time(now), Bind::from(id.as_ref())]);
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
        if !C::Backend::holds(user_id.as_ref()) {
            return Ok(Vec::new());
        }
        all(conn, ListForUser, [Bind::from(user_id.as_ref())], KeyReader)
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
        if !C::Backend::holds(id.as_ref()) {
            return Ok(false);
        }
        let deleted = execute(conn, Delete, [Bind::from(id.as_ref())]);
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
        if !C::Backend::holds(user_id.as_ref()) {
            return Ok(0);
        }
        execute(conn, DeleteForUser, [Bind::from(user_id.as_ref())])
            .map_err(AuthError::of::<C::Backend>)
    }
}

/// Writes a new row and returns it as it will be read back.
fn insert<C>(conn: &mut C, mut key: ApiKey, hash: &str) -> Result<ApiKey, AuthError>
where
    C: DatabaseConnection,
{
    storable::<C::Backend>(&[
        (&key.user_id, "the user id"),
        (&key.name, "the name"),
        (&key.key_prefix, "the prefix"),
    ])?;
    for scope in key.scopes.iter().flatten() {
        storable::<C::Backend>(&[(scope, "a scope")])?;
    }
    let scopes = key.scopes.as_ref().map(json::write).transpose()?;
    let (created, created_at) = stored::<C::Backend>(key.created_at, "the start of the key")?;
    let end = key.expires_at;
    let end = end.map(|end| stored::<C::Backend>(end, "the end of the key"));
    let (expires, expires_at) = end.transpose()?.unzip();
    let values = [
        Bind::from(&key.id),
        Bind::from(&key.user_id),
        Bind::from(&key.name),
        Bind::from(hash),
        Bind::from(&key.key_prefix),
        Bind::Json(scopes.as_deref().map(JsonText)),
        Bind::time(created),
        Bind::Time(expires),
    ];
    execute(conn, Create, values).map_err(AuthError::of::<C::Backend>)?;
    (key.created_at, key.expires_at) = (created_at, expires_at);
    Ok(key)
}

/// Revoking first keeps all others out: two rotations of one key make one new key.
fn rotate<C>(
    conn: &mut C,
    id: &str,
    changes: ApiKeyChanges,
    now: DateTime<Utc>,
) -> Result<Option<(ApiKeySecret, ApiKey)>, AuthError>
where
    C: DatabaseConnection,
{
    let (revoked, _) = stored::<C::Backend>(now, "the time of revocation")?;
    let old = all(
        conn,
        Retire,
        [Bind::time(revoked), Bind::from(id)],
        KeyReader,
    )
    .map_err(AuthError::of::<C::Backend>)?
    .pop();
    let Some(old) = old.transpose()? else {
        return Ok(None);
    };
    let end = match changes.end {
        Some(end) => end.time(now)?,
        None => old.expires_at,
    };
    if has_ended(end, now) {
        return Ok(None);
    }
    // What another program made may not end in its id; then all of it is kept.
    let prefix = match old.key_prefix.strip_suffix(&old.id) {
        Some(prefix) => prefix.strip_suffix('_').unwrap_or(prefix),
        None => &old.key_prefix,
    };
    let made = Made::new(Some(prefix))?;
    let key = ApiKey {
        id: made.id,
        name: changes.name.unwrap_or(old.name),
        key_prefix: made.head,
        scopes: changes.scopes.or(old.scopes),
        created_at: now,
        expires_at: end,
        last_used_at: None,
        revoked_at: None,
        user_id: old.user_id,
    };
    let key = insert(conn, key, &made.hash)?;
    Ok(Some((made.key, key)))
}
