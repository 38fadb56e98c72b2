//! What only PostgreSQL has: a pooler between us and the server.

use std::sync::{Arc, Barrier};
use std::thread;

use covara_diesel::auth::{Purpose, VerificationTokenStore};
use covara_diesel::auto_migrate;
use covara_diesel::pool::{self, PoolDriver};
use diesel::prelude::*;
use support::auth::{IDENTIFIER, work};
use support::pgbouncer::PgBouncer;
use support::postgres::TestDb;

use crate::suite::auth::transactions::use_all;
use crate::suite::count;

#[test]
fn the_stores_work_behind_a_transaction_pooler() {
    let db = TestDb::new();
    auto_migrate(&mut db.connect()).unwrap();
    // Two connections to the server for eight clients: each takes turns with others.
    let bouncer = PgBouncer::start("transaction", 2, "");
    let url = bouncer.url(&db.url());
    let token = VerificationTokenStore::new()
        .issue(&mut db.connect(), IDENTIFIER, Purpose::MagicLink)
        .unwrap();
    let barrier = Arc::new(Barrier::new(8));
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let (url, barrier) = (url.clone(), Arc::clone(&barrier));
            let job = format!("consume:{}", token.expose());
            thread::spawn(move || {
                let pool = pool::postgres(url, PoolDriver::Hyperdrive).unwrap();
                let mut conn = pool.get().unwrap();
                barrier.wait();
                let consumed: usize = work(&mut conn, &job).unwrap().parse().unwrap();
                work(&mut conn, "issue:25").unwrap();
                for n in 0..10 {
                    work(&mut conn, &format!("save:shared {n}")).unwrap();
                }
                consumed
            })
        })
        .collect();
    let consumed: usize = clients
        .into_iter()
        .map(|client| client.join().unwrap())
        .sum();
    assert_eq!(consumed, 1);
    let mut conn = db.connect();
    assert_eq!(count(&mut conn, "auth_verification_tokens"), 1);

    let pool = pool::postgres(url, PoolDriver::Hyperdrive).unwrap();
    use_all(&mut pool.get().unwrap());
    pool.get()
        .unwrap()
        .transaction(|conn| {
            use_all(conn);
            QueryResult::Ok(())
        })
        .unwrap();
}
