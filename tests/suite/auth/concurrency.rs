//! Many at once: eight threads on one pool, then eight processes.

use std::sync::{Arc, Barrier};
use std::thread;

use covara_diesel::auth::{
    AccountStore, ApiKeyStore, NewApiKey, NewSession, Purpose, SessionStore, VerificationTokenStore,
};
use support::auth::{IDENTIFIER, TIMES, work};
use support::workers;

use super::migrated;
use crate::backend::{self, TestDb};
use crate::suite::{count, number};

const MANY: usize = 8;

/// Lets eight threads do their jobs at once, and returns what came of each.
fn threads(db: &TestDb, job: impl Fn(usize) -> String) -> Vec<String> {
    let pool = backend::pool(&db.url());
    let barrier = Arc::new(Barrier::new(MANY));
    let threads: Vec<_> = (0..MANY)
        .map(|n| {
            let (pool, barrier, job) = (pool.clone(), Arc::clone(&barrier), job(n));
            thread::spawn(move || {
                barrier.wait();
                work(&mut pool.get().unwrap(), &job).unwrap()
            })
        })
        .collect();
    threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .collect()
}

/// The same with processes.
fn processes(db: &TestDb, job: impl Fn(usize) -> String) -> Vec<String> {
    // On SQLite: puts the file into WAL mode.
    drop(backend::pool(&db.url()));
    let worker = env!("CARGO_BIN_EXE_worker");
    workers::run(worker, &db.url(), MANY, |n| {
        format!("{}-pooled", job(n)).leak()
    })
}

type Run = fn(&TestDb, &dyn Fn(usize) -> String) -> Vec<String>;
const BOTH: [Run; 2] = [|db, job| threads(db, job), |db, job| processes(db, job)];

fn sum(results: Vec<String>) -> usize {
    results
        .iter()
        .map(|text| text.parse::<usize>().unwrap())
        .sum()
}

#[test]
fn one_token_is_consumed_once() {
    let (db, mut conn) = migrated();
    for run in BOTH {
        let token = VerificationTokenStore::new()
            .issue(&mut conn, IDENTIFIER, Purpose::MagicLink)
            .unwrap();
        let job = |_| format!("consume:{}", token.expose());
        assert_eq!(sum(run(&db, &job)), 1, "of {} attempts", MANY * TIMES);
    }
}

#[test]
fn of_tokens_issued_at_once_one_remains() {
    let (db, mut conn) = migrated();
    // One each, so that none comes after all others and covers their traces.
    for round in 0..20 {
        threads(&db, |_| "issue:1".to_owned());
        let left = count(&mut conn, "auth_verification_tokens");
        assert_eq!(left, 1, "in round {round}");
    }
    for times in ["1", "1", "25"] {
        processes(&db, |_| format!("issue:{times}"));
        assert_eq!(count(&mut conn, "auth_verification_tokens"), 1);
    }
    let last = VerificationTokenStore::new()
        .issue(&mut conn, IDENTIFIER, Purpose::MagicLink)
        .unwrap();
    assert!(
        VerificationTokenStore::new()
            .consume(&mut conn, IDENTIFIER, Purpose::MagicLink, last)
            .unwrap()
    );
}

#[test]
fn saves_of_one_new_session_all_succeed() {
    let (db, mut conn) = migrated();
    for (n, run) in BOTH.into_iter().enumerate() {
        run(&db, &|_| format!("save:shared-{n}"));
    }
    let shared = number(
        &mut conn,
        "SELECT count(*) AS n FROM auth_sessions WHERE \"userId\" = 'shared'",
    );
    assert_eq!(usize::try_from(shared).unwrap(), 2 * TIMES);
}

#[test]
fn a_revoked_key_stays_revoked() {
    let (db, mut conn) = migrated();
    for run in BOTH {
        let (secret, _) = ApiKeyStore::new()
            .create(&mut conn, NewApiKey::new("ada", "CI"))
            .unwrap();
        let secret = secret.expose();
        let job = |n| format!("{}:{secret}", if n == 0 { "revoke" } else { "check" });
        assert_eq!(sum(run(&db, &job)), 0, "checks that revived it");
    }
}

#[test]
fn concurrent_rotations_of_one_key_make_one_key() {
    let (db, mut conn) = migrated();
    for run in BOTH {
        let (_, key) = ApiKeyStore::new()
            .create(&mut conn, NewApiKey::new("ada", "CI"))
            .unwrap();
        assert_eq!(sum(run(&db, &|_| format!("rotate:{}", key.id))), 1);
    }
    assert_eq!(count(&mut conn, "auth_api_keys"), 4);
}

#[test]
fn of_users_who_link_one_identity_one_wins() {
    let (db, mut conn) = migrated();
    for run in BOTH {
        assert_eq!(sum(run(&db, &|n| format!("link:user {n}"))), 1);
        assert!(
            AccountStore::new()
                .unlink(&mut conn, "google", "one and only")
                .unwrap()
        );
    }
}

#[test]
fn expired_sessions_are_deleted_by_many_and_counted_once() {
    let (db, mut conn) = migrated();
    for run in BOTH {
        let old = std::time::SystemTime::UNIX_EPOCH.into();
        let store = SessionStore::new().clock(move || old);
        for n in 0..200 {
            store
                .create(&mut conn, NewSession::new(format!("user {n}")))
                .unwrap();
        }
        SessionStore::new()
            .create(&mut conn, NewSession::new("live"))
            .unwrap();
        assert_eq!(sum(run(&db, &|_| "expire:".to_owned())), 200);
    }
    assert_eq!(count(&mut conn, "auth_sessions"), 2);
}
