//! The SQL statements on accounts and the decoding of their rows.

use diesel::row::Row;

use super::{Account, TokenCipher};
use crate::auth::engine::AuthEngine;
use crate::auth::error::RowError;
use crate::auth::secret::ProviderToken;
use crate::auth::statement::{
    All, Reader, RowFault, auth_accounts, nullable_text, nullable_time, statements, text,
};

const TABLE: &str = "auth_accounts";

statements! {
    /// Another user's account stays unchanged. Providers often send a refresh token only at the
    /// first consent, so a missing one does not replace the stored one.
    Link = ["INSERT INTO auth_accounts (", All(auth_accounts::table), ") VALUES ("]
        [", "] [", "] [", "] [", "] [", "] [", "] [", "] [", "] [", "] [", "] [
        ") ON CONFLICT (provider, \"providerAccountId\") DO UPDATE SET \
         \"type\" = excluded.\"type\", \
         refresh_token = COALESCE(excluded.refresh_token, auth_accounts.refresh_token), \
         access_token = excluded.access_token, expires_at = excluded.expires_at, \
         token_type = excluded.token_type, scope = excluded.scope, \
         id_token = excluded.id_token, session_state = excluded.session_state \
         WHERE auth_accounts.\"userId\" = excluded.\"userId\""
    ];

    Find = ["SELECT ", All(auth_accounts::table), " FROM auth_accounts WHERE provider = "]
        [" AND \"providerAccountId\" = "] [""];

    ListForUser = ["SELECT ", All(auth_accounts::table), " FROM auth_accounts WHERE \"userId\" = "]
        [" ORDER BY provider, \"providerAccountId\""];

    Unlink = ["DELETE FROM auth_accounts WHERE provider = "]
        [" AND \"providerAccountId\" = "] [""];

    DeleteForUser = ["DELETE FROM auth_accounts WHERE \"userId\" = "] [""];
}

/// Returns the context that a cipher binds a token to.
pub(super) fn context(column: &str, provider: &str, provider_account_id: &str) -> Vec<u8> {
    let mut context = Vec::new();
    for part in [column, provider, provider_account_id] {
        context.extend_from_slice(part.as_bytes());
        context.push(0);
    }
    context
}

pub(super) struct AccountReader<'a, K>(pub(super) &'a K);

impl<K: TokenCipher, DB: AuthEngine> Reader<DB, Result<Account, RowError>>
    for AccountReader<'_, K>
{
    fn read<'r>(&self, row: &impl Row<'r, DB>) -> Result<Account, RowError> {
        let unnamed = |reason| RowError::new(TABLE, &[], reason);
        let provider = text(row, auth_accounts::provider, str::to_owned).map_err(unnamed)?;
        let name = text(row, auth_accounts::provider_account_id, str::to_owned);
        let name = name.map_err(unnamed)?;
        let decrypt = |stored: &str, column| {
            let token = self.0.decrypt(stored, &context(column, &provider, &name));
            token
                .map(ProviderToken::from)
                .map_err(|_| format!("{column} does not decrypt"))
        };
        let account = || -> Result<Account, RowFault> {
            Ok(Account {
                user_id: text(row, auth_accounts::user_id, str::to_owned)?,
                kind: text(row, auth_accounts::type_, str::to_owned)?,
                provider: provider.clone(),
                provider_account_id: name.clone(),
                refresh_token: nullable_text(row, auth_accounts::refresh_token, |token| {
                    decrypt(token, "refresh_token")
                })?
                .transpose()?,
                access_token: nullable_text(row, auth_accounts::access_token, |token| {
                    decrypt(token, "access_token")
                })?
                .transpose()?,
                expires_at: nullable_time(row, auth_accounts::expires_at)?,
                token_type: nullable_text(row, auth_accounts::token_type, str::to_owned)?,
                scope: nullable_text(row, auth_accounts::scope, str::to_owned)?,
                id_token: nullable_text(row, auth_accounts::id_token, |token| {
                    decrypt(token, "id_token")
                })?
                .transpose()?,
                session_state: nullable_text(row, auth_accounts::session_state, str::to_owned)?,
            })
        };
        account().map_err(|reason| RowError::new(TABLE, &[&provider, &name], reason))
    }
}
