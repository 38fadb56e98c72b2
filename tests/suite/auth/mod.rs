//! The auth stores. What compares them with Node.js needs the feature `postgres`: plain `cargo test`
//! does without Node.js.

mod accounts;
#[cfg(feature = "postgres")]
mod api_key_courtesy;
#[cfg(feature = "postgres")]
mod api_key_hashes;
#[cfg(feature = "postgres")]
mod api_key_revocation;
mod api_key_timing;
mod api_keys;
mod concurrency;
mod courtesy;
pub(crate) mod failures;
mod helpers;
mod interop;
mod lists;
pub(crate) mod observed;
mod odd_data;
mod properties;
mod purge;
mod secrets;
mod session_ends;
mod session_ids;
mod sessions;
pub(crate) mod transactions;
mod verification_tokens;

use helpers::{HOUR, Hand, MINUTE, SECOND, held, migrated};
