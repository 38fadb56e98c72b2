//! The auth stores.

mod accounts;
mod api_key_courtesy;
mod api_key_hashes;
mod api_key_revocation;
mod api_key_timing;
mod api_keys;
mod concurrency;
pub(crate) mod failures;
mod helpers;
mod interop;
mod lists;
mod properties;
mod secrets;
mod sessions;
pub(crate) mod transactions;
mod verification_tokens;

use helpers::{HOUR, Hand, MINUTE, SECOND, held, migrated};
