//! Public types are as the Rust API guidelines ask.

use std::error::Error;
use std::fmt::Debug;

use covara_diesel::auth::{
    ApiKeyChanges, ApiKeyStore, AuthError, Rejected, RowError, SessionStore, VerificationTokenStore,
};
use covara_diesel::migrate::MigrateError;
use covara_diesel::pool::{PoolError, UnknownDriverError, UnknownUrlError};
use covara_diesel::search::{Highlight, IndexDefinition, SearchError, SearchQuery};
use covara_diesel::{AnyPool, Boot, FixtureError, MigrateOptions, Seed, SeedError};
use diesel::SqliteConnection;

/// By what `Debug` shows, which is every option.
fn assert_same<T: Debug>(new: T, default: T) {
    assert_eq!(format!("{new:?}"), format!("{default:?}"));
}

#[test]
fn default_equals_new() {
    assert_same(ApiKeyChanges::new(), ApiKeyChanges::default());
    assert_same(ApiKeyStore::new(), ApiKeyStore::default());
    assert_same(Boot::new(), Boot::default());
    assert_same(Highlight::new(), Highlight::default());
    assert_same(IndexDefinition::new(), IndexDefinition::default());
    assert_same(MigrateOptions::new(), MigrateOptions::default());
    assert_same(SearchQuery::new(""), SearchQuery::default());
    assert_same(Seed::<SqliteConnection>::new(), Seed::default());
    assert_same(SessionStore::new(), SessionStore::default());
    assert_same(
        VerificationTokenStore::new(),
        VerificationTokenStore::default(),
    );
}

#[test]
fn errors_are_errors_for_any_thread() {
    fn check<T: Error + Send + Sync + 'static>() {}
    check::<AuthError>();
    check::<FixtureError>();
    check::<MigrateError>();
    check::<PoolError>();
    check::<Rejected>();
    check::<RowError>();
    check::<SearchError>();
    check::<SeedError>();
    check::<UnknownDriverError>();
    check::<UnknownUrlError>();
}

#[test]
fn pools_and_stores_are_shared_by_threads() {
    fn check<T: Send + Sync + 'static>() {}
    check::<AnyPool>();
    check::<ApiKeyStore>();
    check::<SessionStore>();
    check::<VerificationTokenStore>();
}
