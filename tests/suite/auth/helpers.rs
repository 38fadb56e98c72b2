//! Helpers for the tests of all stores.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use covara_diesel::{Dialect, auto_migrate};

use crate::backend::{self, Conn, TestDb};

/// A database with the tables, and a connection to it.
pub(super) fn migrated() -> (TestDb, Conn) {
    let db = TestDb::new();
    let mut conn = db.connect();
    auto_migrate(&mut conn).unwrap();
    (db, conn)
}

/// A clock set by hand, from 2026-01-02 03:04:05.678901234.
#[derive(Clone)]
pub(super) struct Hand(Arc<AtomicI64>);

impl Hand {
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicI64::new(1_767_323_045_678_901_234)))
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_nanos(self.0.load(Ordering::Relaxed))
    }

    pub(super) fn advance(&self, time: Duration) {
        let nanos = i64::try_from(time.as_nanos()).unwrap();
        self.0.fetch_add(nanos, Ordering::Relaxed);
    }

    /// Returns the clock for a store.
    pub(super) fn clock(&self) -> impl Fn() -> DateTime<Utc> + Send + Sync + 'static {
        let hand = self.clone();
        move || hand.now()
    }
}

/// A time at the database's precision.
pub(super) fn held(time: DateTime<Utc>) -> DateTime<Utc> {
    match backend::DIALECT {
        Dialect::Sqlite => DateTime::from_timestamp(time.timestamp(), 0).unwrap(),
        Dialect::Postgres => DateTime::from_timestamp_micros(time.timestamp_micros()).unwrap(),
    }
}

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const HOUR: Duration = Duration::from_secs(60 * 60);
