//! The options of a key to be created or rotated.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::auth::clock;
use crate::auth::error::AuthError;

/// The expiry of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Never,
    At(DateTime<Utc>),
    After(Duration),
}

impl End {
    pub(super) fn time(self, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, AuthError> {
        Ok(match self {
            Self::Never => None,
            Self::At(time) => Some(time),
            Self::After(lifetime) => Some(clock::after(now, lifetime, "the end of the key")?),
        })
    }
}

/// Defines the options that new and rotated keys have in common.
macro_rules! scopes_and_end {
    () => {
        /// Sets the granted scopes.
        #[must_use]
        pub fn scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
            self.scopes = Some(scopes.into_iter().map(Into::into).collect());
            self
        }

        /// Sets the expiry.
        #[must_use]
        pub fn expires_at(mut self, time: DateTime<Utc>) -> Self {
            self.end = Some(End::At(time));
            self
        }

        /// Sets the lifetime, counted from the call of the store.
        #[must_use]
        pub fn lifetime(mut self, lifetime: Duration) -> Self {
            self.end = Some(End::After(lifetime));
            self
        }
    };
}

/// The options of a new API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewApiKey {
    pub(super) user_id: String,
    pub(super) name: String,
    pub(super) prefix: Option<String>,
    pub(super) scopes: Option<Vec<String>>,
    pub(super) end: Option<End>,
}

impl NewApiKey {
    /// Creates the options of a key for a user, with a name shown to people, and without prefix,
    /// scopes and expiry.
    #[must_use]
    pub fn new(user_id: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            user_id: user_id.into(),
            name: name.into(),
            prefix: None,
            scopes: None,
            end: None,
        }
    }

    /// Sets the prefix of the key, such as `my_app`, so that people and scanners recognize it.
    ///
    /// If Covara (TypeScript) is to check the key, the prefix must not contain a dot: Covara takes
    /// all characters after the first dot for the secret.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = Some(prefix.into());
        self
    }

    scopes_and_end!();
}

/// The changes that a rotated key has compared with the old one. Default: none.
///
/// ```
/// # use std::time::Duration;
/// # use covara_diesel::auth::ApiKeyChanges;
/// let changes = ApiKeyChanges::new().lifetime(Duration::from_secs(90 * 24 * 60 * 60));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApiKeyChanges {
    pub(super) name: Option<String>,
    pub(super) scopes: Option<Vec<String>>,
    pub(super) end: Option<End>,
}

impl ApiKeyChanges {
    /// Creates an empty set of changes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets another name.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    scopes_and_end!();

    /// Removes the expiry.
    #[must_use]
    pub fn never_expires(mut self) -> Self {
        self.end = Some(End::Never);
        self
    }
}
