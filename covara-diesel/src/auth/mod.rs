//! Sessions, linked accounts, API keys and verification tokens.
//!
//! There is one store per table: [`SessionStore`], [`AccountStore`], [`ApiKeyStore`] and
//! [`VerificationTokenStore`]. A store holds only options and is cheap to create. Every method
//! takes the connection, SQLite or PostgreSQL, plain or pooled, and takes part in the transaction
//! that is open on it: if that rolls back, the method's changes are undone. The
//! [guide](crate::guide) has an example with writes of your own, one of a join with your tables, and
//! one of calls from async code.
//!
//! The tables are those of Covara (TypeScript), row for row, so both can serve one database at
//! once; [`sharing`] explains how. A row that another program wrote wrongly causes an error for
//! that row only; in a listing it appears in its place, as a [`RowError`].
//!
//! Ids, keys and tokens come from the operating system's random generator, and the database stores
//! only their hashes: whoever reads it, or a copy of it, cannot sign in. The plain texts,
//! [`SessionId`], [`ApiKeySecret`], [`VerificationToken`] and [`ProviderToken`], are not printed by
//! `Debug`, are compared in constant time and are wiped when dropped. `debug_query` and Diesel's
//! instrumentation show no text that a store sends to the database.
//!
//! # A login, from sign-in to log-out everywhere
//!
//! ```
//! use std::time::Duration;
//!
//! use covara_diesel::auth::{AuthError, NewSession, Purpose, SessionStore, VerificationTokenStore, purge};
//! use covara_diesel::{auto_migrate, pool};
//! use diesel::SqliteConnection;
//!
//! static SESSIONS: SessionStore = SessionStore::new()
//!     .lifetime(Duration::from_secs(14 * 24 * 60 * 60)) // after the last request
//!     .max_age(Duration::from_secs(90 * 24 * 60 * 60)); // then sign in again
//! static TOKENS: VerificationTokenStore = VerificationTokenStore::new();
//!
//! /// Somebody asks for a link to sign in by.
//! fn ask(conn: &mut SqliteConnection, email: &str) -> Result<String, AuthError> {
//!     let token = TOKENS.issue(conn, email, Purpose::MagicLink)?;
//!     Ok(format!("https://example.com/sign-in?email={email}&token={}", token.expose()))
//! }
//!
//! /// The link was followed: the value of the cookie, if the link is good.
//! fn sign_in(
//!     conn: &mut SqliteConnection,
//!     email: &str,
//!     token: &str,
//! ) -> Result<Option<String>, AuthError> {
//!     if !TOKENS.consume(conn, email, Purpose::MagicLink, token)? {
//!         return Ok(None);
//!     }
//!     let session = SESSIONS.create(conn, NewSession::new(email))?;
//!     Ok(Some(session.id.expose().to_owned()))
//! }
//!
//! /// Every request: who is it? Extends the session, with a write at most once a minute.
//! fn user(conn: &mut SqliteConnection, cookie: &str) -> Result<Option<String>, AuthError> {
//!     let session = SESSIONS.find_and_touch(conn, cookie)?;
//!     Ok(session.map(|session| session.user_id))
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let pool = pool::sqlite(":memory:")?;
//! let conn = &mut *pool.get()?;
//! auto_migrate(conn)?;
//!
//! let link = ask(conn, "ada@example.com")?;
//! let (_, token) = link.split_once("token=").expect("it is there");
//! let phone = sign_in(conn, "ada@example.com", token)?.expect("a good link");
//! assert_eq!(sign_in(conn, "ada@example.com", token)?, None); // once only
//! assert_eq!(user(conn, &phone)?.as_deref(), Some("ada@example.com"));
//!
//! let laptop = SESSIONS.create(conn, NewSession::new("ada@example.com"))?.id;
//!
//! // Log-out everywhere but here, and here.
//! assert_eq!(SESSIONS.delete_for_user(conn, "ada@example.com", Some(&laptop))?, 1);
//! assert_eq!(user(conn, &phone)?, None);
//! SESSIONS.delete(conn, &laptop)?;
//! assert_eq!(user(conn, laptop.expose())?, None);
//!
//! // Now and then, from any number of processes: what has expired, of all four tables.
//! purge(conn)?;
//! # Ok(())
//! # }
//! ```
//!
//! # Checking an API key
//!
//! ```
//! use covara_diesel::auth::{ApiKey, ApiKeyStore, NewApiKey, Rejected};
//! use covara_diesel::{auto_migrate, pool};
//! use diesel::SqliteConnection;
//!
//! /// The key of a request, or the status to answer with.
//! fn authorize(
//!     conn: &mut SqliteConnection,
//!     header: Option<&str>,
//!     scope: &str,
//! ) -> Result<ApiKey, u16> {
//!     let secret = header.and_then(|value| value.strip_prefix("Bearer ")).ok_or(401_u16)?;
//!     let key = match ApiKeyStore::new().verify(conn, secret) {
//!         Ok(key) => key,
//!         Err(Rejected::NotFound | Rejected::Expired | Rejected::Revoked) => return Err(401),
//!         Err(error) => {
//!             eprintln!("{error}"); // the database is down: the key may be a good one
//!             return Err(503);
//!         }
//!     };
//!     if key.has_scope(scope) { Ok(key) } else { Err(403) }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let pool = pool::sqlite(":memory:")?;
//! let conn = &mut *pool.get()?;
//! auto_migrate(conn)?;
//! let new = NewApiKey::new("ada", "CI").prefix("my_app").scopes(["read"]);
//! let (secret, key) = ApiKeyStore::new().create(conn, new)?;
//!
//! let header = format!("Bearer {}", secret.expose());
//! assert_eq!(authorize(conn, Some(&header), "read").map(|key| key.id), Ok(key.id));
//! assert_eq!(authorize(conn, Some(&header), "write").unwrap_err(), 403);
//! assert_eq!(authorize(conn, Some("Bearer guess"), "read").unwrap_err(), 401);
//! assert_eq!(authorize(conn, None, "read").unwrap_err(), 401);
//! # Ok(())
//! # }
//! ```

mod account;
mod api_key;
mod clock;
pub(crate) mod engine;
mod error;
mod finite;
pub(crate) mod hidden;
mod json;
mod purge;
mod purpose;
mod secret;
mod session;
mod statement;
mod turns;
mod verification_token;

#[doc = include_str!("sharing.md")]
pub mod sharing {}

pub use account::{Account, AccountStore, NoCipher, TokenCipher};
pub use api_key::{ApiKey, ApiKeyChanges, ApiKeyStore, NewApiKey};
pub use engine::AuthDatabase;
pub use error::{AuthError, Rejected, RowError};
pub use purge::{Purged, purge};
pub use purpose::Purpose;
pub use secret::{ApiKeySecret, ProviderToken, SessionId, VerificationToken};
pub use session::{NewSession, Session, SessionIds, SessionStore};
pub use verification_token::VerificationTokenStore;
