//! The auth stores.

mod accounts;
mod api_key_timing;
mod api_keys;
mod concurrency;
pub(crate) mod failures;
mod interop;
mod properties;
mod secrets;
mod sessions;
pub(crate) mod transactions;
mod verification_tokens;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use covara_diesel::{Dialect, auto_migrate};

use crate::backend::{self, Conn, TestDb};

/// A database with the tables, and a connection to it.
fn migrated() -> (TestDb, Conn) {
    let db = TestDb::new();
    let mut conn = db.connect();
    auto_migrate(&mut conn).unwrap();
    (db, conn)
}

/// A clock set by hand, from 2026-01-02 03:04:05.678901234.
#[derive(Clone)]
struct Hand(Arc<AtomicI64>);

impl Hand {
    fn new() -> Self {
        Self(Arc::new(AtomicI64::new(1_767_323_045_678_901_234)))
    }

    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_nanos(self.0.load(Ordering::Relaxed))
    }

    fn advance(&self, time: Duration) {
        let nanos = i64::try_from(time.as_nanos()).unwrap();
        self.0.fetch_add(nanos, Ordering::Relaxed);
    }

    /// What a store takes.
    fn clock(&self) -> impl Fn() -> DateTime<Utc> + Send + Sync + 'static {
        let hand = self.clone();
        move || hand.now()
    }
}

/// A time at the database's precision.
fn held(time: DateTime<Utc>) -> DateTime<Utc> {
    match backend::DIALECT {
        Dialect::Sqlite => DateTime::from_timestamp(time.timestamp(), 0).unwrap(),
        Dialect::Postgres => DateTime::from_timestamp_micros(time.timestamp_micros()).unwrap(),
    }
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
