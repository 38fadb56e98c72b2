//! API keys.

mod costly;
mod hash;
mod key;
mod new_row;
mod options;
mod sql;
mod store;

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::clock::Clock;
pub use options::{ApiKeyChanges, NewApiKey};

/// A minute, as for sessions.
const USE_WINDOW: Duration = Duration::from_secs(60);

/// An API key as the database holds it, without its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApiKey {
    /// The public id, which is part of the key.
    pub id: String,
    /// The user that the key belongs to.
    pub user_id: String,
    /// The name shown to people.
    pub name: String,
    /// The part of the key that may be shown: prefix and id.
    pub key_prefix: String,
    /// The granted scopes. `None` and an empty list both grant nothing by themselves.
    pub scopes: Option<Vec<String>>,
    /// The time of creation. Whole seconds on SQLite, microseconds on PostgreSQL, like all times.
    pub created_at: DateTime<Utc>,
    /// The expiry, if any.
    pub expires_at: Option<DateTime<Utc>>,
    /// The time of last use, accurate to a minute by default.
    pub last_used_at: Option<DateTime<Utc>>,
    /// The time of revocation.
    pub revoked_at: Option<DateTime<Utc>>,
}

impl ApiKey {
    /// Returns whether the key has exactly this scope. No scope implies another.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.iter().flatten().any(|own| own == scope)
    }
}

/// API keys in the table `auth_api_keys`, which stores only their hashes.
///
/// A key is `[prefix_]<16 hexadecimal digits>.<32 characters of base64url>`, and the hash covers
/// the whole key. Checking a key costs a query by primary key, and a write at most once a minute.
///
/// Hashes have the form of Covara (TypeScript), so each side can check the other's keys; see
/// [`sharing`](super::sharing). As a key has 192 random bits, new hashes are as cheap as scrypt can
/// be: `scrypt$N=4,r=1,p=1$<salt>$<hash>`. Hashes are never replaced, neither Covara's nor those
/// made by earlier versions of this library (`sha256$…`).
///
/// ```
/// use covara_diesel::auth::{ApiKeyStore, NewApiKey, Rejected};
/// use covara_diesel::{auto_migrate, pool};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = pool::sqlite(":memory:")?;
/// let mut conn = pool.get()?;
/// auto_migrate(&mut conn)?;
///
/// let keys = ApiKeyStore::new();
/// let new = NewApiKey::new("ada", "CI").prefix("my_app").scopes(["read"]);
/// let (secret, key) = keys.create(&mut conn, new)?;
/// println!("Shown this once: {}", secret.expose());
///
/// assert!(keys.verify(&mut conn, &secret)?.has_scope("read"));
/// keys.revoke(&mut conn, &key.id)?;
/// assert!(matches!(keys.verify(&mut conn, &secret), Err(Rejected::Revoked)));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct ApiKeyStore {
    use_window: Duration,
    scrypt: bool,
    clock: Clock,
}

impl ApiKeyStore {
    /// Creates a store that records the use of a key at most once a minute and accepts keys made by
    /// Covara (TypeScript).
    #[must_use]
    pub const fn new() -> Self {
        Self {
            use_window: USE_WINDOW,
            scrypt: true,
            clock: Clock::SYSTEM,
        }
    }

    /// Sets the least time between two recorded uses of a key. Default: one minute. With
    /// [`Duration::MAX`] no use is recorded, which saves the attempt to write on a replica.
    #[must_use]
    pub const fn use_window(mut self, window: Duration) -> Self {
        self.use_window = window;
        self
    }

    /// Sets whether keys are valid whose scrypt hash is costly to check, such as those made by
    /// Covara (TypeScript). Default: they are.
    ///
    /// For such a key, each process computes the hash at the first check, in about 30 ms and 16
    /// MiB, and remembers the SHA-256 of the last 4,096 keys that matched. A wrong secret costs as
    /// much on every attempt. The delay reveals that the id exists, but ids are not secret. A
    /// process computes at most four such hashes at once, in at most 128 MiB. A check that does not
    /// get its turn within five seconds fails with [`AuthError::Busy`](super::AuthError::Busy). A
    /// hash that alone would cost more than 128 MiB (128·N·r·p bytes) matches no key.
    ///
    /// Refusing an unknown id or a malformed key incurs none of these costs.
    #[must_use]
    pub const fn scrypt(mut self, accept: bool) -> Self {
        self.scrypt = accept;
        self
    }

    /// Reads the time from `now` instead of the system's clock, for tests.
    #[must_use]
    pub fn clock(mut self, now: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        self.clock = Clock::new(now);
        self
    }
}

impl Default for ApiKeyStore {
    fn default() -> Self {
        Self::new()
    }
}
