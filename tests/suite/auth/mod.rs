//! The auth stores.

mod accounts;
mod api_key_timing;
mod api_keys;
mod concurrency;
pub(crate) mod failures;
mod helpers;
mod interop;
mod properties;
mod secrets;
mod sessions;
pub(crate) mod transactions;
mod verification_tokens;

use helpers::{HOUR, Hand, MINUTE, SECOND, held, migrated};
