//! API keys.

mod hash;
mod new_row;
mod sql;
mod store;

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::clock::{self, Clock};
use super::error::AuthError;

/// A minute, as for sessions.
const USE_WINDOW: Duration = Duration::from_mins(1);

/// An API key as the database holds it, without its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
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

/// When something ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Never,
    At(DateTime<Utc>),
    After(Duration),
}

impl End {
    fn time(self, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, AuthError> {
        Ok(match self {
            Self::Never => None,
            Self::At(time) => Some(time),
            Self::After(lifetime) => Some(clock::after(now, lifetime, "the end of the key")?),
        })
    }
}

/// An API key to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewApiKey {
    user_id: String,
    name: String,
    prefix: Option<String>,
    scopes: Option<Vec<String>>,
    end: End,
}

impl NewApiKey {
    /// A key for a user, with a name for people; without prefix, scopes and end.
    #[must_use]
    pub fn new(user_id: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            user_id: user_id.into(),
            name: name.into(),
            prefix: None,
            scopes: None,
            end: End::Never,
        }
    }

    /// What the key begins with, such as `my_app`, so that people and scanners know it.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = Some(prefix.into());
        self
    }

    /// What it may be used for.
    #[must_use]
    pub fn scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.scopes = Some(scopes.into_iter().map(Into::into).collect());
        self
    }

    /// When it ends.
    #[must_use]
    pub fn expires_at(mut self, time: DateTime<Utc>) -> Self {
        self.end = End::At(time);
        self
    }

    /// How long it lives.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.end = End::After(lifetime);
        self
    }
}

/// What a rotated key has otherwise than the old one: nothing, unless told.
///
/// ```
/// # use std::time::Duration;
/// # use covara_diesel::auth::ApiKeyChanges;
/// let changes = ApiKeyChanges::new().lifetime(Duration::from_hours(90 * 24));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApiKeyChanges {
    name: Option<String>,
    scopes: Option<Vec<String>>,
    end: Option<End>,
}

impl ApiKeyChanges {
    /// No changes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Another name.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Other scopes.
    #[must_use]
    pub fn scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.scopes = Some(scopes.into_iter().map(Into::into).collect());
        self
    }

    /// Another end.
    #[must_use]
    pub fn expires_at(mut self, time: DateTime<Utc>) -> Self {
        self.end = Some(End::At(time));
        self
    }

    /// Another end, counted from now.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.end = Some(End::After(lifetime));
        self
    }

    /// No end.
    #[must_use]
    pub fn no_end(mut self) -> Self {
        self.end = Some(End::Never);
        self
    }
}

/// API keys in the table `auth_api_keys`, which holds their SHA-256 only.
///
/// A key is `[prefix_]<16 hexadecimal digits>.<32 characters of base64url>`; all of it
/// counts. Checking one is a query by primary key, and a write at most once a minute.
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
    /// A store that notes the use of a key at most once a minute and takes keys that Covara
    /// (TypeScript) made.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            use_window: USE_WINDOW,
            scrypt: true,
            clock: Clock::SYSTEM,
        }
    }

    /// How much time passes at least between two notes of a key's use. Default: one minute.
    #[must_use]
    pub const fn use_window(mut self, window: Duration) -> Self {
        self.use_window = window;
        self
    }

    /// Whether keys that Covara (TypeScript) made, with scrypt hashes, are valid. The first
    /// check of each takes some 30 ms and replaces its hash. Default: they are.
    ///
    /// Once a process has met such a hash, every key that is not found costs it as much, or
    /// the time would tell which of them exist. Turn this off when all of them are replaced
    /// (no `"keyHash"` begins with `scrypt$`) and refusing costs nothing again.
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
