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
    /// Public id, part of the key.
    pub id: String,
    /// The user it belongs to.
    pub user_id: String,
    /// Name for people.
    pub name: String,
    /// The part of the key that may be shown: prefix and id.
    pub key_prefix: String,
    /// What it may be used for. `None` and an empty list both grant nothing by themselves.
    pub scopes: Option<Vec<String>>,
    /// When it was made. Whole seconds on SQLite, microseconds on PostgreSQL, as all times.
    pub created_at: DateTime<Utc>,
    /// When it ends, if ever.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was last used, to a minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
}

impl ApiKey {
    /// Whether exactly this scope is among the key's. No scope stands for others.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.iter().flatten().any(|own| own == scope)
    }
}

/// API keys in the table `auth_api_keys`, which holds hashes of them only.
///
/// A key is `[prefix_]<16 hexadecimal digits>.<32 characters of base64url>`; all of it
/// counts. Checking one is a query by primary key, and a write at most once a minute.
///
/// Hashes have the form of Covara (TypeScript), so that both check each other's keys; see
/// [`sharing`](super::sharing). As a key has 192 random bits, new hashes are as cheap as scrypt
/// can be: `scrypt$N=4,r=1,p=1$<salt>$<hash>`. Hashes are never replaced, neither Covara's nor
/// those that earlier versions of this library made (`sha256$…`).
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
    /// Creates a store that notes the use of a key at most once a minute and takes keys that Covara
    /// (TypeScript) made.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            use_window: USE_WINDOW,
            scrypt: true,
            clock: Clock::SYSTEM,
        }
    }

    /// Sets how much time passes at least between two notes of a key's use. Default: one
    /// minute. With [`Duration::MAX`] no use is noted, which spares the attempt on a replica.
    #[must_use]
    pub const fn use_window(mut self, window: Duration) -> Self {
        self.use_window = window;
        self
    }

    /// Sets whether keys are valid whose scrypt hash is costly to check, as that of keys that
    /// Covara (TypeScript) made. Default: they are.
    ///
    /// Of those, each process computes the hash at the first check of a key, in some 30 ms and
    /// 16 MiB, and remembers the last 4,096 keys that were right, as SHA-256. A wrong secret for
    /// such a key costs as much each time and takes that long to be refused, which tells that
    /// the id exists; ids are no secrets. At most four such hashes are computed at once in a
    /// process, in at most 128 MiB; a check that does not get its turn within five seconds fails
    /// with [`AuthError::Busy`](super::AuthError::Busy). A hash that alone would cost more than
    /// 128 MiB (128·N·r·p bytes) matches no key.
    ///
    /// Refusing an unknown id or a malformed key costs nothing of that.
    #[must_use]
    pub const fn scrypt(mut self, accept: bool) -> Self {
        self.scrypt = accept;
        self
    }

    /// Takes the time from `now` instead of the system's clock, for tests.
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
