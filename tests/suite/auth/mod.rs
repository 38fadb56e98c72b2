//! The auth stores.

mod accounts;
mod api_key_timing;
mod api_keys;
mod concurrency;
mod courtesy;
pub(crate) mod failures;
mod helpers;
mod interop;
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
