//! The one source of the internal tables' `table!` modules.

/// Spreads the `table!` modules of the four internal tables into the module where it
/// is called.
///
/// `schema::sqlite` and `schema::postgres` are made with it. Call it in your own schema
/// module when a table of yours joins with one of them: the orphan rule forbids
/// `allow_tables_to_appear_in_same_query!` on another crate's tables once Diesel's
/// `postgres` feature is on. The macro emits tables only.
///
/// ```
/// mod schema {
///     covara_diesel::internal_schema!(sqlite);
///
///     diesel::table! {
///         people (id) {
///             id -> Text,
///             name -> Text,
///         }
///     }
///     diesel::joinable!(auth_sessions -> people (user_id));
///     diesel::allow_tables_to_appear_in_same_query!(people, auth_sessions);
/// }
/// use diesel::prelude::*;
/// use schema::{auth_sessions, people};
///
/// let query = auth_sessions::table
///     .inner_join(people::table)
///     .select((auth_sessions::id, people::name));
/// # let _ = diesel::debug_query::<diesel::sqlite::Sqlite, _>(&query);
/// ```
#[macro_export]
macro_rules! internal_schema {
    (sqlite) => {
        $crate::__internal_tables!(BigInt, Text);
    };
    (postgres) => {
        $crate::__internal_tables!(Timestamp, Jsonb);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __internal_tables {
    ($time:ident, $json:ident) => {
        ::diesel::table! {
            /// Sessions of signed-in users.
            auth_sessions (id) {
                /// Secret identifier.
                id -> Text,
                /// The user it belongs to.
                #[sql_name = "userId"]
                user_id -> Text,
                /// When it was made.
                #[sql_name = "createdAt"]
                created_at -> $time,
                /// When it ends.
                #[sql_name = "expiresAt"]
                expires_at -> $time,
                /// JSON text of the application.
                data -> Nullable<Text>,
            }
        }

        ::diesel::table! {
            /// Accounts at identity providers, linked to users.
            auth_accounts (provider, provider_account_id) {
                /// The user it belongs to.
                #[sql_name = "userId"]
                user_id -> Text,
                /// Kind of account, such as `oauth` or `email`.
                #[sql_name = "type"]
                type_ -> Text,
                /// Name of the identity provider.
                provider -> Text,
                /// The provider's own name for the account.
                #[sql_name = "providerAccountId"]
                provider_account_id -> Text,
                /// OAuth refresh token.
                refresh_token -> Nullable<Text>,
                /// OAuth access token.
                access_token -> Nullable<Text>,
                /// When the access token ends.
                expires_at -> Nullable<$time>,
                /// Kind of token, such as `bearer`.
                token_type -> Nullable<Text>,
                /// Granted scopes.
                scope -> Nullable<Text>,
                /// OpenID Connect ID token.
                id_token -> Nullable<Text>,
                /// The provider's session state.
                session_state -> Nullable<Text>,
            }
        }

        ::diesel::table! {
            /// API keys; only hashes of them.
            auth_api_keys (id) {
                /// Public identifier.
                id -> Text,
                /// The user it belongs to.
                #[sql_name = "userId"]
                user_id -> Text,
                /// Name for people.
                name -> Text,
                /// Hash of the whole key.
                #[sql_name = "keyHash"]
                key_hash -> Text,
                /// The part of the key that may be shown.
                #[sql_name = "keyPrefix"]
                key_prefix -> Text,
                /// JSON array of scopes.
                scopes -> Nullable<$json>,
                /// When it was made.
                #[sql_name = "createdAt"]
                created_at -> $time,
                /// When it ends.
                #[sql_name = "expiresAt"]
                expires_at -> Nullable<$time>,
                /// When it was last used, to about a minute.
                #[sql_name = "lastUsedAt"]
                last_used_at -> Nullable<$time>,
                /// When it was revoked.
                #[sql_name = "revokedAt"]
                revoked_at -> Nullable<$time>,
            }
        }

        ::diesel::table! {
            /// Single-use tokens for e-mail verification and the like.
            auth_verification_tokens (identifier, token) {
                /// Whom the token is for.
                identifier -> Text,
                /// Hash of the token.
                token -> Text,
                /// When it ends.
                expires -> $time,
            }
        }
    };
}
