//! What a key is to be like.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::auth::clock;
use crate::auth::error::AuthError;

/// When something ends.
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

/// What can be said of a key to be made and of one to be rotated alike.
macro_rules! scopes_and_end {
    () => {
        /// What it may be used for.
        #[must_use]
        pub fn scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
            self.scopes = Some(scopes.into_iter().map(Into::into).collect());
            self
        }

        /// When it ends.
        #[must_use]
        pub fn expires_at(mut self, time: DateTime<Utc>) -> Self {
            self.end = Some(End::At(time));
            self
        }

        /// How long it lives, from now on.
        #[must_use]
        pub fn lifetime(mut self, lifetime: Duration) -> Self {
            self.end = Some(End::After(lifetime));
            self
        }
    };
}

/// An API key to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewApiKey {
    pub(super) user_id: String,
    pub(super) name: String,
    pub(super) prefix: Option<String>,
    pub(super) scopes: Option<Vec<String>>,
    pub(super) end: Option<End>,
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
            end: None,
        }
    }

    /// Sets what the key begins with, such as `my_app`, so that people and scanners know it.
    ///
    /// Without a dot, if Covara (TypeScript) is to check the key: it takes what follows the
    /// first dot for the secret.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = Some(prefix.into());
        self
    }

    scopes_and_end!();
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
    pub(super) name: Option<String>,
    pub(super) scopes: Option<Vec<String>>,
    pub(super) end: Option<End>,
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

    scopes_and_end!();

    /// Makes the key one that never expires.
    #[must_use]
    pub fn never_expires(mut self) -> Self {
        self.end = Some(End::Never);
        self
    }
}
