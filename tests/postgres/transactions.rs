//! Transactions that PostgreSQL takes back although their `COMMIT` succeeds.

use covara_diesel::auth::{NewSession, SessionStore};
use covara_diesel::pool::{self, PoolDriver};
use covara_diesel::{ErrorKind, Seed, auto_migrate, write_transaction};
use diesel::connection::{InstrumentationEvent, SimpleConnection};
use diesel::prelude::*;
use diesel::result::QueryResult;
use support::numbers::{self as rows, numbers};
use support::postgres::TestDb;

/// `COPY` is the statement after whose failure Diesel does not look at the transaction.
fn goes_on_after_a_copy(conn: &mut PgConnection) -> QueryResult<()> {
    write_transaction(conn, |conn| {
        conn.batch_execute("INSERT INTO numbers VALUES (1, 'one', NULL)")?;
        let copy = diesel::copy_from(numbers::table).from_raw_data(numbers::table, |copy| {
            writeln!(copy, "not a number").unwrap();
            QueryResult::Ok(())
        });
        copy.execute(conn).unwrap_err();
        QueryResult::Ok(())
    })
}

#[test]
fn a_failed_copy_makes_the_commit_an_error() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(rows::CREATE).unwrap();
    let pool = pool::postgres(db.url(), PoolDriver::Postgres).unwrap();
    let mut observed = db.connect();
    observed.set_instrumentation(|_: InstrumentationEvent<'_>| {});
    for conn in [&mut conn, &mut pool.get().unwrap(), &mut observed] {
        let error = goes_on_after_a_copy(conn).unwrap_err().to_string();
        assert!(error.contains("rolled back"), "{error}");
        // The connection is as good as before.
        write_transaction(conn, |conn| {
            let count: i64 = numbers::table.count().get_result(conn)?;
            assert_eq!(count, 0);
            QueryResult::Ok(())
        })
        .unwrap();
    }
}

/// By its SQLSTATE: servers say it in the language of their `lc_messages`.
#[test]
fn a_read_only_server_is_recognised_in_any_language() {
    let db = TestDb::new();
    let mut conn = db.connect();
    auto_migrate(&mut conn).unwrap();
    conn.batch_execute(rows::CREATE).unwrap();
    conn.batch_execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             RAISE EXCEPTION 'nur lesen' USING ERRCODE = '25006'; END $$;
         CREATE TRIGGER refuse BEFORE INSERT ON auth_sessions EXECUTE FUNCTION refuse();
         CREATE TRIGGER refuse BEFORE INSERT ON numbers EXECUTE FUNCTION refuse()",
    )
    .unwrap();
    let made = SessionStore::new().create(&mut conn, NewSession::new("ada"));
    let error = made.unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::ReadOnly), "{error:?}");
    let seeded = Seed::new().rows(rows::up_to(3)).run(&mut conn);
    let error = seeded.unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::ReadOnly), "{error:?}");
}
