//! The auth stores.

mod accounts;
mod api_key_courtesy;
mod api_key_hashes;
mod api_key_revocation;
mod api_key_timing;
mod api_keys;
mod concurrency;
mod courtesy;
pub(crate) mod failures;
mod helpers;
mod interop;
mod lists;
mod observed;
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
