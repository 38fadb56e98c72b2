//! Accounts at identity providers.

mod cipher;
mod sql;
mod store;

use std::fmt;

use chrono::{DateTime, Utc};

use super::secret::ProviderToken;
pub use cipher::{NoCipher, TokenCipher};

/// An account at an identity provider, linked to a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The user that the account is linked to.
    pub user_id: String,
    /// The kind of account, such as `oauth` or `email`: the column `type`.
    pub kind: String,
    /// The name of the identity provider.
    pub provider: String,
    /// The provider's own id of the account.
    pub provider_account_id: String,
    /// The OAuth refresh token.
    pub refresh_token: Option<ProviderToken>,
    /// The OAuth access token.
    pub access_token: Option<ProviderToken>,
    /// The expiry of the access token. Whole seconds on SQLite, microseconds on PostgreSQL.
    pub expires_at: Option<DateTime<Utc>>,
    /// The kind of token, such as `bearer`.
    pub token_type: Option<String>,
    /// The granted scopes, as the provider writes them.
    pub scope: Option<String>,
    /// The OpenID Connect ID token.
    pub id_token: Option<ProviderToken>,
    /// The provider's session state.
    pub session_state: Option<String>,
}

impl Account {
    /// Creates an account without tokens.
    #[must_use]
    pub fn new(
        user_id: impl Into<String>,
        kind: impl Into<String>,
        provider: impl Into<String>,
        provider_account_id: impl Into<String>,
    ) -> Self {
        Self {
            user_id: user_id.into(),
            kind: kind.into(),
            provider: provider.into(),
            provider_account_id: provider_account_id.into(),
            refresh_token: None,
            access_token: None,
            expires_at: None,
            token_type: None,
            scope: None,
            id_token: None,
            session_state: None,
        }
    }
}

/// Linked accounts in the table `auth_accounts`.
///
/// One identity at a provider belongs to one user.
///
/// ```
/// use covara_diesel::auth::{Account, AccountStore, AuthError};
/// use covara_diesel::{auto_migrate, pool};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = pool::sqlite(":memory:")?;
/// let mut conn = pool.get()?;
/// auto_migrate(&mut conn)?;
///
/// let accounts = AccountStore::new();
/// let account = Account {
///     access_token: Some("ya29.a0Af".into()),
///     ..Account::new("ada", "oauth", "google", "1089")
/// };
/// accounts.link(&mut conn, &account)?;
///
/// let found = accounts.find(&mut conn, "google", "1089")?.expect("just linked");
/// assert_eq!(found.user_id, "ada");
///
/// let other = Account::new("eve", "oauth", "google", "1089");
/// let refused = accounts.link(&mut conn, &other);
/// assert!(matches!(refused, Err(AuthError::LinkedToAnotherUser { .. })));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct AccountStore<K = NoCipher> {
    cipher: K,
}

/// Hides the cipher, which holds a key.
impl<K> fmt::Debug for AccountStore<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountStore").finish_non_exhaustive()
    }
}

impl AccountStore {
    /// Creates a store that keeps tokens in plain text.
    #[must_use]
    pub const fn new() -> Self {
        Self { cipher: NoCipher }
    }

    /// Encrypts refresh, access and ID tokens with `cipher`. Covara (TypeScript) cannot read
    /// encrypted tokens.
    #[must_use]
    pub fn cipher<K: TokenCipher>(self, cipher: K) -> AccountStore<K> {
        AccountStore { cipher }
    }
}

impl Default for AccountStore {
    fn default() -> Self {
        Self::new()
    }
}
