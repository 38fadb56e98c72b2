//! Pools of remote connections, and what establishing and checking out cost: nothing.

use covara_diesel::DatabaseConnection;
use covara_diesel::remote::{D1Connection, LibsqlConnection};
use diesel::connection::{SimpleConnection, TransactionManager};
use diesel::prelude::*;
use diesel::query_builder::QueryFragment;
use diesel::r2d2::R2D2Connection;
use diesel::result::{DatabaseErrorKind, Error};
use diesel::sqlite::Sqlite;
use support::fault_proxy::FaultProxy;
use support::{d1, sqld};

use super::{Remote, pool_of};

fn costs_no_request<R: Remote>() {
    let server = R::start();
    let proxy = FaultProxy::new(&server.origin());
    let url = server.url_at(&proxy.origin(), "");
    let pool = pool_of::<R::Conn>(&url, 3);
    let held: Vec<_> = (0..3).map(|_| pool.get().unwrap()).collect();
    drop(held);
    for _ in 0..10 {
        let mut conn = pool.get().unwrap();
        conn.ping().unwrap();
        assert!(!conn.is_broken());
    }
    assert_eq!((proxy.connections(), proxy.requests().len()), (0, 0));

    // One request each, over connections that stay open.
    for _ in 0..10 {
        let mut conn = pool.get().unwrap();
        diesel::sql_query("SELECT 1").execute(&mut conn).unwrap();
    }
    assert_eq!(proxy.requests().len(), 10);
    assert!(proxy.connections() <= 3, "{}", proxy.connections());
}

#[test]
fn libsql_costs_no_request_before_the_first_statement() {
    costs_no_request::<sqld::TestDb>();
}

#[test]
fn d1_costs_no_request_before_the_first_statement() {
    costs_no_request::<d1::TestDb>();
}

#[test]
fn a_broken_transaction_manager_is_a_broken_connection() {
    type Manager = <LibsqlConnection as Connection>::TransactionManager;
    let db = sqld::TestDb::new();
    let pool = pool_of::<LibsqlConnection>(&db.url(), 1);
    let mut conn = pool.get().unwrap();
    assert!(!conn.is_broken());
    Manager::begin_transaction(&mut *conn).unwrap();
    assert!(conn.is_broken(), "in a transaction nobody will end");
    Manager::rollback_transaction(&mut *conn).unwrap();
    assert!(!conn.is_broken());
    Manager::transaction_manager_status_mut(&mut *conn).set_in_error();
    assert!(conn.is_broken());
    drop(conn);
    // Another one has taken its place.
    let mut conn = pool.get().unwrap();
    assert!(!conn.is_broken());
    conn.batch_execute("CREATE TABLE t (a)").unwrap();
}

#[test]
fn a_transaction_on_d1_is_refused_and_names_batch() {
    let db = d1::TestDb::new();
    let mut conn = D1Connection::establish(&db.url()).unwrap();
    conn.batch_execute("CREATE TABLE t (a INTEGER)").unwrap();
    let mut ran = false;
    for _ in 0..2 {
        let refused = conn.transaction(|conn| {
            ran = true;
            diesel::sql_query("INSERT INTO t VALUES (1)").execute(conn)
        });
        let error = refused.unwrap_err();
        assert!(matches!(error, Error::QueryBuilderError(_)), "{error:?}");
        assert!(error.to_string().contains("batch()"), "{error}");
    }
    assert!(!ran, "it must not pretend");
    assert!(!conn.is_broken());
    // Neither by hand.
    for sql in ["BEGIN", "SAVEPOINT a", "COMMIT"] {
        conn.batch_execute(sql).unwrap_err();
    }
    let insert = diesel::sql_query("INSERT INTO t VALUES (1)");
    assert_eq!(insert.execute(&mut conn), Ok(1));
}

diesel::table! {
    accounts (id) {
        id -> BigInt,
        cents -> BigInt,
    }
}

type Batch<C> = fn(&mut C, &[&dyn QueryFragment<Sqlite>]) -> QueryResult<Vec<usize>>;

/// All or nothing, with exact counts, in so many requests.
fn a_batch<R: Remote>(batch: Batch<R::Conn>, requests: usize) {
    let server = R::start();
    let proxy = FaultProxy::new(&server.origin());
    let mut conn = R::Conn::establish(&server.url_at(&proxy.origin(), "")).unwrap();
    conn.batch_execute(
        "CREATE TABLE accounts (
             id INTEGER PRIMARY KEY NOT NULL, cents BIGINT NOT NULL CHECK (cents >= 0));
         CREATE TABLE log (what TEXT);
         CREATE TRIGGER t AFTER UPDATE ON accounts BEGIN
             INSERT INTO log VALUES ('x'), ('y');
         END;
         INSERT INTO accounts VALUES (1, 1000), (2, 0), (3, 0)",
    )
    .unwrap();
    let add = |id: i64, cents: i64| {
        diesel::update(accounts::table.find(id)).set(accounts::cents.eq(accounts::cents + cents))
    };
    let to_all = diesel::update(accounts::table).set(accounts::cents.eq(accounts::cents + 1));
    proxy.forget();
    let good = [add(1, -300), add(2, 300), add(404, 1)];
    let changed = batch(&mut conn, &[&good[0], &good[1], &good[2], &to_all]);
    assert_eq!(changed.unwrap(), [1, 1, 0, 3]);
    assert_eq!(proxy.requests().len(), requests);

    let failed = batch(&mut conn, &[&add(3, 900), &add(1, -900)]).unwrap_err();
    assert!(
        matches!(
            &failed,
            Error::DatabaseError(DatabaseErrorKind::CheckViolation, _)
        ),
        "{failed:?}"
    );
    let cents: Vec<i64> = accounts::table
        .select(accounts::cents)
        .order(accounts::id)
        .load(&mut conn)
        .unwrap();
    assert_eq!(cents, [701, 301, 1]);
    assert_eq!(batch(&mut conn, &[]).unwrap(), [0; 0]);
}

#[test]
fn a_batch_is_all_or_nothing_on_libsql() {
    a_batch::<sqld::TestDb>(|conn, statements| conn.batch(statements), 1);
    // BEGIN, SAVEPOINT, four statements, RELEASE, COMMIT.
    let inside: Batch<LibsqlConnection> =
        |conn, statements| conn.transaction(|conn| conn.batch(statements));
    a_batch::<sqld::TestDb>(inside, 8);
}

#[test]
fn a_batch_is_all_or_nothing_on_d1() {
    a_batch::<d1::TestDb>(|conn, statements| conn.batch(statements), 1);
}

/// What is too much for a server is an error that says so, never half of it.
#[test]
fn d1_limits_are_errors() {
    let db = d1::TestDb::new();
    let mut conn = D1Connection::establish(&db.url()).unwrap();
    assert_eq!(conn.bind_limit(), 100);
    let ids: Vec<i64> = (0..101).collect();
    let many = diesel::select(diesel::dsl::sql::<diesel::sql_types::BigInt>("1").eq_any(ids));
    let error = many.get_result::<bool>(&mut conn).unwrap_err().to_string();
    assert!(error.contains("between ?1 and ?100"), "{error}");
    let long = format!("SELECT '{}'", "x".repeat(100_001));
    diesel::sql_query(long).execute(&mut conn).unwrap_err();
    for refused in [
        "ATTACH 'x' AS y",
        "CREATE TEMP TABLE t (a)",
        "SELECT sqlite_version()",
    ] {
        diesel::sql_query(refused)
            .execute(&mut conn)
            .expect_err(refused);
    }
}
