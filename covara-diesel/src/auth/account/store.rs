//! The operations on linked accounts.

use covara_derive::any_database;
use zeroize::Zeroizing;

use super::sql::{AccountReader, DeleteForUser, Find, Link, ListForUser, Unlink, context};
use super::{Account, AccountStore, TokenCipher};
use crate::auth::engine::{AuthDatabase, AuthEngine};
use crate::auth::error::{AuthError, RowError};
use crate::auth::secret::ProviderToken;
use crate::auth::statement::{Bind, all, execute, first, storable, stored};
use crate::backend::connection::BackendConnection;

#[any_database(AuthDatabase)]
impl<K: TokenCipher> AccountStore<K> {
    /// Links an account to its user, or updates an account already linked to this user. An update
    /// writes all fields, except that a missing refresh token keeps the stored one, as providers
    /// often send it only at the first consent.
    ///
    /// # Errors
    ///
    /// [`AuthError::LinkedToAnotherUser`]; nothing has changed then. Errors of the database and of
    /// the cipher, a text with NUL on PostgreSQL, an expiry outside the database's range.
    pub fn link<C>(&self, conn: &mut C, account: &Account) -> Result<(), AuthError>
    where
        C: BackendConnection<Backend: AuthEngine>,
    {
        let encrypted = |token: &Option<ProviderToken>, column| {
            let token = token.as_ref().map(|token| {
                let context = context(column, &account.provider, &account.provider_account_id);
                self.cipher.encrypt(token.expose(), &context)
            });
            let token = token.transpose().map_err(|source| AuthError::Cipher {
                source: Box::new(source),
            })?;
            Ok::<_, AuthError>(token.map(Zeroizing::new))
        };
        let refresh_token = encrypted(&account.refresh_token, "refresh_token")?;
        let access_token = encrypted(&account.access_token, "access_token")?;
        let id_token = encrypted(&account.id_token, "id_token")?;
        let tokens = [&refresh_token, &access_token, &id_token];
        let [refresh_token, access_token, id_token] =
            tokens.map(|token| token.as_ref().map(|token| token.as_str()));
        let optional = [
            (refresh_token, "the refresh token"),
            (access_token, "the access token"),
            (account.token_type.as_deref(), "the token type"),
            (account.scope.as_deref(), "the scope"),
            (id_token, "the ID token"),
            (account.session_state.as_deref(), "the session state"),
        ];
        for (text, what) in optional {
            storable::<C::Backend>(&[(text.unwrap_or_default(), what)])?;
        }
        storable::<C::Backend>(&[
            (&account.user_id, "the user id"),
            (&account.kind, "the kind of account"),
            (&account.provider, "the provider"),
            (&account.provider_account_id, "the account's name"),
        ])?;
        let expires = match account.expires_at {
            Some(end) => Some(stored::<C::Backend>(end, "the end of the access token")?.0),
            None => None,
        };
        let values = [
            Bind::from(&account.user_id),
            Bind::from(&account.kind),
            Bind::from(&account.provider),
            Bind::from(&account.provider_account_id),
            Bind::text(refresh_token),
            Bind::text(access_token),
            Bind::Time(expires),
            Bind::text(account.token_type.as_deref()),
            Bind::text(account.scope.as_deref()),
            Bind::text(id_token),
            Bind::text(account.session_state.as_deref()),
        ];
        match execute(conn, Link, values)? {
            0 => Err(AuthError::LinkedToAnotherUser {
                provider: account.provider.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// Returns the account with this id at this provider.
    ///
    /// # Errors
    ///
    /// Errors of the database, and a row that cannot be read.
    pub fn find<C>(
        &self,
        conn: &mut C,
        provider: impl AsRef<str>,
        provider_account_id: impl AsRef<str>,
    ) -> Result<Option<Account>, AuthError>
    where
        C: BackendConnection<Backend: AuthEngine>,
    {
        let (provider, name) = (provider.as_ref(), provider_account_id.as_ref());
        let values = [Bind::key(provider), Bind::key(name)];
        let found = first(conn, Find, values, AccountReader(&self.cipher));
        Ok(found?.transpose()?)
    }

    /// Lists a user's accounts, ordered by provider and account id.
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
    ) -> Result<Vec<Result<Account, RowError>>, AuthError>
    where
        C: BackendConnection<Backend: AuthEngine>,
    {
        let values = [Bind::key(user_id.as_ref())];
        all(conn, ListForUser, values, AccountReader(&self.cipher)).map_err(AuthError::from)
    }
}

#[any_database(AuthDatabase)]
impl<K> AccountStore<K> {
    /// Removes the link to an account and returns whether it existed.
    ///
    /// If the name comes from a form, first check whose account it is.
    ///
    /// # Errors
    ///
    /// Errors of the database.
    pub fn unlink<C>(
        &self,
        conn: &mut C,
        provider: impl AsRef<str>,
        provider_account_id: impl AsRef<str>,
    ) -> Result<bool, AuthError>
    where
        C: BackendConnection<Backend: AuthEngine>,
    {
        let (provider, name) = (provider.as_ref(), provider_account_id.as_ref());
        let deleted = execute(conn, Unlink, [Bind::key(provider), Bind::key(name)]);
        Ok(deleted? > 0)
    }

    /// Removes the links to all of a user's accounts and returns how many there were.
    ///
    /// # Errors
    ///
    /// Errors of the database.
    pub fn delete_for_user<C>(
        &self,
        conn: &mut C,
        user_id: impl AsRef<str>,
    ) -> Result<usize, AuthError>
    where
        C: BackendConnection<Backend: AuthEngine>,
    {
        execute(conn, DeleteForUser, [Bind::key(user_id.as_ref())]).map_err(AuthError::from)
    }
}
