//! Rows of new keys.

use chrono::{DateTime, Utc};

use super::key::MadeKey;
use super::sql::has_ended;
use super::{ApiKey, ApiKeyChanges};
use crate::auth::engine::AuthEngine;
use crate::auth::error::AuthError;
use crate::auth::json;
use crate::auth::secret::ApiKeySecret;
use crate::auth::statement::{Bind, storable, stored};

/// A row to be written.
pub(super) struct NewRow<DB: AuthEngine> {
    /// The key as it will be read back.
    pub(super) key: ApiKey,
    hash: String,
    scopes: Option<String>,
    created: DB::Time,
    expires: Option<DB::Time>,
}

impl<DB: AuthEngine> NewRow<DB> {
    pub(super) fn new(mut key: ApiKey, hash: String) -> Result<Self, AuthError> {
        storable::<DB>(&[
            (&key.user_id, "the user id"),
            (&key.name, "the name"),
            (&key.key_prefix, "the prefix"),
        ])?;
        for scope in key.scopes.iter().flatten() {
            storable::<DB>(&[(scope, "a scope")])?;
        }
        let scopes = key.scopes.as_ref().map(json::write).transpose()?;
        let (created, created_at) = stored::<DB>(key.created_at, "the start of the key")?;
        let end = key.expires_at;
        let end = end.map(|end| stored::<DB>(end, "the end of the key"));
        let (expires, expires_at) = end.transpose()?.unzip();
        (key.created_at, key.expires_at) = (created_at, expires_at);
        Ok(Self {
            key,
            hash,
            scopes,
            created,
            expires,
        })
    }

    pub(super) fn values(&self) -> [Bind<'_, DB>; 8] {
        [
            Bind::from(&self.key.id),
            Bind::from(&self.key.user_id),
            Bind::from(&self.key.name),
            Bind::from(&self.hash),
            Bind::from(&self.key.key_prefix),
            Bind::json(self.scopes.as_deref()),
            Bind::time(self.created),
            Bind::Time(self.expires),
        ]
    }
}

/// Returns the row that replaces `old`, or `None` if the new key would have expired already.
pub(super) fn successor<DB: AuthEngine>(
    old: ApiKey,
    changes: ApiKeyChanges,
    now: DateTime<Utc>,
) -> Result<Option<(ApiKeySecret, NewRow<DB>)>, AuthError> {
    let end = match changes.end {
        Some(end) => end.time(now)?,
        None => old.expires_at,
    };
    if has_ended(end, now) {
        return Ok(None);
    }
    // The `keyPrefix` of a key that another program made may not end in its id. It is then kept
    // whole.
    let prefix = match old.key_prefix.strip_suffix(&old.id) {
        Some(prefix) => prefix.strip_suffix('_').unwrap_or(prefix),
        None => &old.key_prefix,
    };
    let made = MadeKey::new(Some(prefix))?;
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
    Ok(Some((made.key, NewRow::new(key, made.hash)?)))
}
