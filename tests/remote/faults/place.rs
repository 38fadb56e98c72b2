//! A server behind a proxy that spoils requests, with a table to write to and read from.

use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, Pool};
use diesel::result::QueryResult;
use support::fault_proxy::FaultProxy;

use crate::remote::{Remote, pool_of};

diesel::table! {
    notes (id) {
        id -> BigInt,
        text -> Text,
    }
}

/// Time-outs that a busy machine does not meet.
pub(super) const PATIENT: &str = "connect_timeout=20&request_timeout=20&statement_timeout=50";
/// Time-outs of a client that is meant to meet them.
pub(super) const HASTY: &str = "connect_timeout=2&request_timeout=2&statement_timeout=7";
pub(super) const REQUEST: Duration = Duration::from_secs(2);
pub(super) const STATEMENT: Duration = Duration::from_secs(7);
/// Time-outs of a client that meets nothing else.
pub(super) const HASTIEST: &str = "connect_timeout=0.8&request_timeout=0.8&statement_timeout=3";

pub(super) struct Place<R: Remote> {
    pub(super) server: R,
    pub(super) proxy: FaultProxy,
    pub(super) pool: Pool<ConnectionManager<R::Conn>>,
    pub(super) next: i64,
}

impl<R: Remote> Place<R> {
    pub(super) fn new() -> Self {
        Self::with(PATIENT)
    }

    pub(super) fn with(timeouts: &str) -> Self {
        let server = R::start();
        let proxy = FaultProxy::new(&server.origin());
        let pool = pool_of::<R::Conn>(&server.url_at(&proxy.origin(), timeouts), 1);
        // No key, so that a second write would be seen.
        pool.get()
            .unwrap()
            .batch_execute("CREATE TABLE notes (id BIGINT NOT NULL, text TEXT NOT NULL)")
            .unwrap();
        Self {
            server,
            proxy,
            pool,
            next: 0,
        }
    }

    /// Writes a note with a new number, and returns the number and the result.
    pub(super) fn write(&mut self) -> (i64, QueryResult<usize>) {
        self.next += 1;
        let row = (notes::id.eq(self.next), notes::text.eq("a note"));
        let mut conn = self.pool.get().unwrap();
        let written = diesel::insert_into(notes::table)
            .values(row)
            .execute(&mut conn);
        (self.next, written)
    }

    pub(super) fn write_zero(&self) {
        let zero = (notes::id.eq(0), notes::text.eq("zero"));
        diesel::insert_into(notes::table)
            .values(zero)
            .execute(&mut self.pool.get().unwrap())
            .unwrap();
    }

    pub(super) fn read(&mut self) -> QueryResult<Vec<String>> {
        notes::table
            .filter(notes::id.eq(0))
            .select(notes::text)
            .load(&mut self.pool.get().unwrap())
    }

    /// Returns the number of notes with this id, asked without the proxy.
    pub(super) fn stored(&self, id: i64) -> i64 {
        let mut conn = R::Conn::establish(&self.server.url_at(&self.server.origin(), "")).unwrap();
        let count = notes::table.filter(notes::id.eq(id)).count();
        count.get_result(&mut conn).unwrap()
    }

    /// Asserts that the pool's one connection reads and writes.
    pub(super) fn assert_healthy(&mut self, after: &str) {
        self.proxy.heal();
        let (id, written) = self.write();
        assert_eq!(
            written.as_ref().ok(),
            Some(&1),
            "after {after}: {written:?}"
        );
        assert_eq!(self.stored(id), 1, "after {after}");
        assert_eq!(self.read().unwrap(), ["zero"], "after {after}");
        assert_eq!(self.pool.state().connections, 1, "after {after}");
    }
}
