//! The SQL statements on accounts and the decoding of their rows.

use diesel::row::Row;

use super::{Account, TokenCipher};
use crate::auth::error::RowError;
use crate::auth::secret::ProviderToken;
use crate::auth::statement::{Reader, RowFault, nullable_text, nullable_time, statements, text};
use crate::backend::engine::Engine;

const TABLE: &str = "auth_accounts";

statements! {
    /// Another user's account stays unchanged. Providers often send a refresh token only at the
    /// first consent, so a missing one does not replace the stored one.
    Link = [
        "INSERT INTO auth_accounts (\"userId\", \"type\", provider, \"providerAccountId\", \
         refresh_token, access_token, expires_at, token_type, scope, id_token, session_state) \
         VALUES ("
    ] [", "] [", "] [", "] [", "] [", "] [", "] [", "] [", "] [", "] [", "] [
        ") ON CONFLICT (provider, \"providerAccountId\") DO UPDATE SET \
         \"type\" = excluded.\"type\", \
         refresh_token = COALESCE(excluded.refresh_token, auth_accounts.refresh_token), \
         access_token = excluded.access_token, expires_at = excluded.expires_at, \
         token_type = excluded.token_type, scope = excluded.scope, \
         id_token = excluded.id_token, session_state = excluded.session_state \
         WHERE auth_accounts.\"userId\" = excluded.\"userId\""
    ];

    Find = [
        "SELECT \"userId\", \"type\", provider, \"providerAccountId\", refresh_token, \
         access_token, expires_at, token_type, scope, id_token, session_state \
         FROM auth_accounts WHERE provider = "
    ] [" AND \"providerAccountId\" = "] [""];

    ListForUser = [
        "SELECT \"userId\", \"type\", provider, \"providerAccountId\", refresh_token, \
         access_token, expires_at, token_type, scope, id_token, session_state \
         FROM auth_accounts WHERE \"userId\" = "
    ] [" ORDER BY provider, \"providerAccountId\""];

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

impl<K: TokenCipher, DB: Engine> Reader<DB> for AccountReader<'_, K> {
    type Output = Result<Account, RowError>;

    fn read<'r>(&self, row: &impl Row<'r, DB>) -> Self::Output {
        let key_part = |column| {
            text(row, column, "the key is not text", str::to_owned)
                .map_err(|reason| RowError::new(TABLE, &[], reason))
        };
        let (provider, name) = (key_part(2)?, key_part(3)?);
        let token = |column, column_name: &str| -> Result<Option<ProviderToken>, RowFault> {
            let decrypt = |stored: &str| {
                let context = context(column_name, &provider, &name);
                self.0.decrypt(stored, &context)
            };
            let token = nullable_text(row, column, "a token is not text", decrypt)?;
            let token = token.transpose().map_err(|_| "a token does not decrypt")?;
            Ok(token.map(ProviderToken::from))
        };
        let account = || -> Result<Account, RowFault> {
            Ok(Account {
                user_id: text(row, 0, "userId is not text", str::to_owned)?,
                kind: text(row, 1, "type is not text", str::to_owned)?,
                provider: provider.clone(),
                provider_account_id: name.clone(),
                refresh_token: token(4, "refresh_token")?,
                access_token: token(5, "access_token")?,
                expires_at: nullable_time(row, 6, "expires_at is not a time in range")?,
                token_type: nullable_text(row, 7, "token_type is not text", str::to_owned)?,
                scope: nullable_text(row, 8, "scope is not text", str::to_owned)?,
                id_token: token(9, "id_token")?,
                session_state: nullable_text(row, 10, "session_state is not text", str::to_owned)?,
            })
        };
        account().map_err(|reason| RowError::new(TABLE, &[&provider, &name], reason))
    }
}
