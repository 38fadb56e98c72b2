//! Functions that give the token of each request, to single connections and to pools.

use std::error::Error as StdError;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use covara_diesel::pool::{
    self, PoolConfig, PoolDriver, PoolError, Tokens, recommended_pool_config,
};
use covara_diesel::remote::{D1Connection, LibsqlConnection};
use diesel::connection::SimpleConnection;
use support::sqld::tokens::{EXPIRED, FULL};
use support::{d1, sqld};

type Answer = Result<String, Box<dyn StdError + Send + Sync>>;

/// Gives two good tokens, then a bad one, and then none; and counts how often it is asked.
fn tokens(
    good: &'static str,
    bad: &'static str,
) -> (
    Arc<AtomicUsize>,
    impl Fn() -> Answer + Send + Sync + 'static,
) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let ask = move || match counter.fetch_add(1, Ordering::Relaxed) {
        0 | 1 => Ok(good.to_owned()),
        2 => Ok(bad.to_owned()),
        _ => Err("nobody gives tokens".into()),
    };
    (asked, ask)
}

fn is_asked_each_time(conn: &mut impl SimpleConnection, asked: &AtomicUsize, bad: &str) {
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    conn.batch_execute("SELECT 1").unwrap();
    conn.batch_execute("SELECT 1").unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    let error = conn.batch_execute("SELECT 1").unwrap_err().to_string();
    assert!(!error.contains(bad), "{error}");
    let error = conn.batch_execute("SELECT 1").unwrap_err().to_string();
    assert!(error.contains("nobody gives tokens"), "{error}");
    assert_eq!(asked.load(Ordering::Relaxed), 4);
}

fn config_with(driver: PoolDriver, tokens: Tokens) -> PoolConfig {
    let mut config = recommended_pool_config(driver);
    config.tokens = Some(tokens);
    config
}

#[test]
fn libsql_asks_for_the_token_of_each_request() {
    let db = sqld::TestDb::with_tokens();
    let (asked, ask) = tokens(FULL, EXPIRED);
    let mut conn = LibsqlConnection::establish_with_tokens(&db.url(), ask).unwrap();
    is_asked_each_time(&mut conn, &asked, EXPIRED);
    let (asked, ask) = tokens(FULL, EXPIRED);
    let config = config_with(PoolDriver::Libsql, Tokens::new(ask));
    let pool = pool::libsql_with(db.url(), &config).unwrap();
    is_asked_each_time(&mut *pool.get().unwrap(), &asked, EXPIRED);
}

#[test]
fn d1_asks_for_the_token_of_each_request() {
    let db = d1::TestDb::new();
    let url = db.url_through(db.base_url(), "not-this-one");
    let (asked, ask) = tokens(d1::TOKEN, d1::FOREIGN_TOKEN);
    let mut conn = D1Connection::establish_with_tokens(&url, ask).unwrap();
    is_asked_each_time(&mut conn, &asked, d1::FOREIGN_TOKEN);
    let (asked, ask) = tokens(d1::TOKEN, d1::FOREIGN_TOKEN);
    let config = config_with(PoolDriver::D1, Tokens::new(ask));
    let pool = pool::d1_with(&url, &config).unwrap();
    is_asked_each_time(&mut *pool.get().unwrap(), &asked, d1::FOREIGN_TOKEN);
}

/// Each of the requests of a transaction, too; one without a token ends it.
#[test]
fn a_transaction_without_a_token_is_rolled_back() {
    use diesel::prelude::*;
    let db = sqld::TestDb::with_tokens();
    let (asked, ask) = tokens(FULL, FULL);
    let mut conn = LibsqlConnection::establish_with_tokens(&db.url(), ask).unwrap();
    let done: QueryResult<()> = conn.transaction(|conn| {
        conn.batch_execute("CREATE TABLE t (a)")?;
        conn.batch_execute("CREATE TABLE u (a)")?;
        conn.batch_execute("CREATE TABLE v (a)")
    });
    assert!(
        done.unwrap_err()
            .to_string()
            .contains("nobody gives tokens")
    );
    assert!(asked.load(Ordering::Relaxed) >= 4);
    let mut other =
        LibsqlConnection::establish_with_tokens(&db.url(), || Ok(FULL.to_owned())).unwrap();
    other.batch_execute("CREATE TABLE t (a)").unwrap();
}

#[test]
fn tokens_are_for_databases_over_http() {
    let config = config_with(PoolDriver::Sqlite, Tokens::new(|| Ok(String::new())));
    let error = pool::sqlite_with(":memory:", &config).unwrap_err();
    assert!(matches!(error, PoolError::InvalidConfig { .. }), "{error}");
    assert!(!format!("{config:?}").contains("Ok"));
}
