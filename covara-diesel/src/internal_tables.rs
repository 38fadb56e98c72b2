//! The single source of the internal tables: their names, indexes, columns and keys.

/// The four tables that this library keeps, in the order in which they are created.
///
/// They are the tables of Covara's TypeScript framework, column for column.
pub const INTERNAL_TABLE_NAMES: [&str; 4] = [
    "auth_sessions",
    "auth_accounts",
    "auth_api_keys",
    "auth_verification_tokens",
];

/// The indexes that the migrations create: name, table and column. PostgreSQL has the names in
/// lower case.
pub(crate) const INTERNAL_INDEXES: [(&str, &str, &str); 5] = [
    ("auth_session_userId_idx", "auth_sessions", "userId"),
    ("auth_session_expiresAt_idx", "auth_sessions", "expiresAt"),
    ("auth_account_userId_idx", "auth_accounts", "userId"),
    ("auth_api_key_userId_idx", "auth_api_keys", "userId"),
    ("auth_api_key_prefix_idx", "auth_api_keys", "keyPrefix"),
];

/// The library's own history table.
pub(crate) const HISTORY: &str = "__covara_migrations";

/// Diesel's history table, which has the application's migrations.
pub(crate) const DIESELS_HISTORY: &str = "__diesel_schema_migrations";

/// Returns the names of the indexes that the migrations create, in lower case, as a list of SQL
/// strings.
pub(crate) fn quoted_index_names() -> String {
    INTERNAL_INDEXES
        .map(|(index, _, _)| format!("'{}'", index.to_ascii_lowercase()))
        .join(", ")
}

/// Returns these indexes as a list of SQL pairs, each with the name of its table.
pub(crate) fn quoted_indexes_and_tables() -> String {
    INTERNAL_INDEXES
        .map(|(index, table, _)| format!("('{}', '{table}')", index.to_ascii_lowercase()))
        .join(", ")
}

/// Returns the names of the internal tables as a list of SQL strings.
pub(crate) fn quoted_table_names() -> String {
    INTERNAL_TABLE_NAMES
        .map(|name| format!("'{name}'"))
        .join(", ")
}

/// Expands to the `table!` modules of the four internal tables in the calling module.
///
/// `schema::sqlite` and `schema::postgres` are generated with it. Call it in your own schema module
/// when a table of yours joins with one of the internal tables: the orphan rule forbids
/// `allow_tables_to_appear_in_same_query!` on another crate's tables once Diesel's `postgres`
/// feature is on. The macro emits tables only. The
/// [guide](crate::guide#joins-with-the-internal-tables) joins on both backends.
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
                /// The user that the session belongs to.
                #[sql_name = "userId"]
                user_id -> Text,
                /// Time of creation.
                #[sql_name = "createdAt"]
                created_at -> $time,
                /// Time of expiry.
                #[sql_name = "expiresAt"]
                expires_at -> $time,
                /// JSON text set by the application.
                data -> Nullable<Text>,
            }
        }

        ::diesel::table! {
            /// Accounts at identity providers, linked to users.
            auth_accounts (provider, provider_account_id) {
                /// The user that the account belongs to.
                #[sql_name = "userId"]
                user_id -> Text,
                /// Kind of account, such as `oauth` or `email`.
                #[sql_name = "type"]
                type_ -> Text,
                /// Name of the identity provider.
                provider -> Text,
                /// The provider's own identifier of the account.
                #[sql_name = "providerAccountId"]
                provider_account_id -> Text,
                /// OAuth refresh token.
                refresh_token -> Nullable<Text>,
                /// OAuth access token.
                access_token -> Nullable<Text>,
                /// Time at which the access token expires.
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
            /// API keys, stored only as hashes.
            auth_api_keys (id) {
                /// Public identifier.
                id -> Text,
                /// The user that the key belongs to.
                #[sql_name = "userId"]
                user_id -> Text,
                /// Human-readable name.
                name -> Text,
                /// Hash of the whole key.
                #[sql_name = "keyHash"]
                key_hash -> Text,
                /// The part of the key that may be shown.
                #[sql_name = "keyPrefix"]
                key_prefix -> Text,
                /// JSON array of scopes.
                scopes -> Nullable<$json>,
                /// Time of creation.
                #[sql_name = "createdAt"]
                created_at -> $time,
                /// Time of expiry.
                #[sql_name = "expiresAt"]
                expires_at -> Nullable<$time>,
                /// Time of the last use, to within about a minute.
                #[sql_name = "lastUsedAt"]
                last_used_at -> Nullable<$time>,
                /// Time of revocation.
                #[sql_name = "revokedAt"]
                revoked_at -> Nullable<$time>,
            }
        }

        ::diesel::table! {
            /// Single-use tokens for e-mail verification and the like.
            auth_verification_tokens (identifier, token) {
                /// The person or address that the token is for.
                identifier -> Text,
                /// Hash of the token.
                token -> Text,
                /// Time of expiry.
                expires -> $time,
            }
        }
    };
}

/// Describes the internal tables of a schema module for the engine `$engine`.
macro_rules! expected_tables {
    ($engine:ty, $schema:path) => {{
        use $crate::migrate::layout::of_table;
        use $schema::{auth_accounts, auth_api_keys, auth_sessions, auth_verification_tokens};

        vec![
            of_table::<$engine, auth_sessions::table>("auth_sessions", &[auth_sessions::id::NAME]),
            of_table::<$engine, auth_accounts::table>(
                "auth_accounts",
                &[
                    auth_accounts::provider::NAME,
                    auth_accounts::provider_account_id::NAME,
                ],
            ),
            of_table::<$engine, auth_api_keys::table>("auth_api_keys", &[auth_api_keys::id::NAME]),
            of_table::<$engine, auth_verification_tokens::table>(
                "auth_verification_tokens",
                &[
                    auth_verification_tokens::identifier::NAME,
                    auth_verification_tokens::token::NAME,
                ],
            ),
        ]
    }};
}
pub(crate) use expected_tables;
