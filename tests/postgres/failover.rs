//! A server and its standby under one URL.

use std::time::{Duration, Instant};

use covara_diesel::auth::{NewSession, SessionStore};
use covara_diesel::pool::{self, PoolDriver, recommended_pool_config};
use covara_diesel::{auto_migrate, doctor};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use support::bounded::within;
use support::own_postgres::{PASSWORD_IN_URL, PostgresServer};

fn url(servers: &[&PostgresServer]) -> String {
    let hosts: Vec<String> = servers
        .iter()
        .map(|server| format!("127.0.0.1:{}", server.port()))
        .collect();
    format!(
        "postgres://covara:{PASSWORD_IN_URL}@{}/postgres",
        hosts.join(",")
    )
}

#[test]
fn a_pool_moves_to_the_standby_that_takes_over_from_a_frozen_server() {
    let primary = PostgresServer::start(&[], |_| ());
    let standby = primary.start_standby();
    let mut config = recommended_pool_config(PoolDriver::Postgres);
    config.max_size = 4;
    config.connection_timeout = Some(Duration::from_secs(8));
    config.silence_timeout = Some(Duration::from_secs(1));
    let url = url(&[&primary, &standby]);
    let pool = pool::postgres_with(url, PoolDriver::Postgres, &config).unwrap();
    auto_migrate(&mut pool.get().unwrap()).unwrap();
    let sessions = SessionStore::new();
    let mut held: Vec<_> = (0..4).map(|_| pool.get().unwrap()).collect();
    for conn in &mut held {
        sessions.create(conn, NewSession::new("before")).unwrap();
    }
    let mut busy = held.pop().unwrap();
    drop(held);

    primary.freeze();
    let lost = within(Duration::from_secs(3), "a store", move || {
        SessionStore::new()
            .create(&mut busy, NewSession::new("lost"))
            .map(drop)
    });
    lost.unwrap_err();
    standby.promote();
    let again = pool.clone();
    within(Duration::from_secs(70), "moving", move || {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let moved = again.get().ok().is_some_and(|mut conn| {
                SessionStore::new()
                    .create(&mut conn, NewSession::new("after"))
                    .is_ok()
            });
            if moved {
                return;
            }
            assert!(Instant::now() < end, "the pool does not move");
        }
    });
    let mut conn = pool.get().unwrap();
    assert_eq!(sessions.list_for_user(&mut conn, "after").unwrap().len(), 1);
    primary.thaw();
}

#[test]
fn a_connection_to_a_standby_is_given_up_when_it_refuses_to_write() {
    let mut primary = PostgresServer::start(&[], |_| ());
    auto_migrate(&mut PgConnection::establish(&primary.url()).unwrap()).unwrap();
    let standby = primary.start_standby();
    let url = url(&[&primary, &standby]);
    primary.stop();
    let mut config = recommended_pool_config(PoolDriver::Postgres);
    config.max_size = 1;
    let pool = pool::postgres_with(&url, PoolDriver::Postgres, &config).unwrap();
    let sessions = SessionStore::new();
    sessions
        .create(&mut pool.get().unwrap(), NewSession::new("ada"))
        .unwrap_err();
    primary.start_again();
    sessions
        .create(&mut pool.get().unwrap(), NewSession::new("ada"))
        .unwrap();

    let report = doctor::postgres(&url).unwrap();
    let warned = |report: &doctor::Report| {
        let mut findings = report.findings.iter();
        findings.any(|finding| finding.text.contains("target_session_attrs"))
    };
    assert!(warned(&report), "{:?}", report.findings);
    let chosen = format!("{url}?target_session_attrs=read-write");
    assert!(!warned(&doctor::postgres(&chosen).unwrap()));
    assert!(!warned(&doctor::postgres(primary.url()).unwrap()));

    // Who chose to read only is left alone.
    let pool = pool::postgres_with(primary.url(), PoolDriver::Postgres, &config).unwrap();
    let mut conn = pool.get().unwrap();
    conn.batch_execute(
        "CREATE TEMP TABLE mine (id INTEGER); SET default_transaction_read_only = on",
    )
    .unwrap();
    sessions
        .create(&mut conn, NewSession::new("ada"))
        .unwrap_err();
    drop(conn);
    pool.get()
        .unwrap()
        .batch_execute("SELECT id FROM mine")
        .unwrap();
}
