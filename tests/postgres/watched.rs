//! Pools tell statements that wait for an answer from others.

use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use covara_diesel::any::open_with;
use covara_diesel::pool::{self, PoolConfig, PoolDriver, recommended_pool_config};
use covara_diesel::write_transaction;
use diesel::connection::{
    Instrumentation, InstrumentationEvent, SimpleConnection, set_default_instrumentation,
};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, PooledConnection};
use diesel::result::{Error, QueryResult};
use diesel::serialize::{IsNull, Output, ToSql};
use support::bounded::within;
use support::numbers::{self as rows, Number, numbers};
use support::own_postgres::{PASSWORD_IN_URL, PostgresServer};
use support::postgres::TestDb;
use support::workers;

type Pooled = PooledConnection<ConnectionManager<PgConnection>>;

/// A statement is given up after six seconds.
fn hasty(driver: PoolDriver) -> PoolConfig {
    let mut config = recommended_pool_config(driver);
    config.statement_timeout = Some(Duration::from_secs(1));
    config.silence_timeout = Some(Duration::from_secs(1));
    config
}

const GIVEN_UP: Duration = Duration::from_secs(6);

#[derive(AsChangeset)]
#[diesel(table_name = numbers)]
struct Change {
    label: Option<String>,
}

#[derive(Debug, Clone, diesel::expression::AsExpression)]
#[diesel(sql_type = diesel::sql_types::Text)]
struct Unwritable;

impl ToSql<diesel::sql_types::Text, Pg> for Unwritable {
    fn to_sql<'b>(&'b self, _: &mut Output<'b, '_, Pg>) -> diesel::serialize::Result {
        Err("on purpose".into())
    }
}

/// Statements of which nothing is sent.
const UNSENT: [fn(&mut Pooled) -> Error; 2] = [
    |conn| {
        diesel::update(numbers::table)
            .set(&Change { label: None })
            .get_result::<Number>(conn)
            .unwrap_err()
    },
    |conn| {
        let one = numbers::table.filter(numbers::label.eq(Unwritable));
        one.first::<Number>(conn).unwrap_err()
    },
];

#[test]
fn a_statement_that_was_never_sent_is_not_waited_for() {
    let server = PostgresServer::start(&[], |_| ());
    let directory = server.directory().display();
    let port = server.port();
    let socket =
        format!("postgres://covara:{PASSWORD_IN_URL}@/postgres?host={directory}&port={port}");
    PgConnection::establish(&socket)
        .unwrap()
        .batch_execute(rows::CREATE)
        .unwrap();
    thread::scope(|scope| {
        for url in [socket.clone(), server.url()] {
            let config = hasty(PoolDriver::Postgres);
            let pool = pool::postgres_with(&url, PoolDriver::Postgres, &config).unwrap();
            for fail in UNSENT {
                let mut conn = pool.get().unwrap();
                scope.spawn(move || {
                    let done = conn.batch_execute("BEGIN");
                    done.unwrap();
                    fail(&mut conn);
                    // In use, and waiting for something else.
                    thread::sleep(GIVEN_UP + Duration::from_secs(2));
                    conn.batch_execute("SELECT 1").unwrap();
                    // The next one is watched again.
                    conn.batch_execute("SET statement_timeout = 0; COMMIT")
                        .unwrap();
                    let slept = within(GIVEN_UP * 3, "a long statement", move || {
                        conn.batch_execute("SELECT pg_sleep(60)")
                    });
                    slept.unwrap_err();
                });
            }
        }
    });
}

/// To watch a connection takes descriptors of the pool's own for a moment; without them it is not
/// watched, and works.
#[test]
fn a_process_whose_descriptors_run_out_connects_as_long_as_it_can() {
    let db = TestDb::new();
    let worker = env!("CARGO_BIN_EXE_worker");
    let connected = workers::run(worker, &db.url(), 1, |_| "few-descriptors");
    assert_eq!(connected, ["[1, 2, 3, 4, 5, 6, 7]"]);
}

#[derive(diesel::sql_types::SqlType, diesel::query_builder::QueryId)]
#[diesel(postgres_type(name = "mood"))]
struct MoodType;

#[derive(Debug, diesel::expression::AsExpression)]
#[diesel(sql_type = MoodType)]
struct Mood;

impl ToSql<MoodType, Pg> for Mood {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> diesel::serialize::Result {
        std::io::Write::write_all(out, b"glad")?;
        Ok(IsNull::No)
    }
}

/// Diesel asks for the type's number in the middle of the statement.
#[test]
fn the_first_statement_with_a_type_of_ones_own_is_waited_for_as_long_as_others() {
    let db = TestDb::new();
    db.connect()
        .batch_execute("CREATE TYPE mood AS ENUM ('glad', 'sad')")
        .unwrap();
    // Which does not tell the server of its time-outs.
    let config = hasty(PoolDriver::Hyperdrive);
    let pool = pool::postgres_with(db.url(), PoolDriver::Hyperdrive, &config).unwrap();
    let mut conn = pool.get().unwrap();
    let slept = within(GIVEN_UP * 3, "a long statement", move || {
        diesel::sql_query("SELECT pg_sleep(60), $1")
            .bind::<MoodType, _>(Mood)
            .execute(&mut conn)
    });
    slept.unwrap_err();
}

/// The events of the connections between the marks, each as one list.
static HEARD: Mutex<Vec<Vec<String>>> = Mutex::new(Vec::new());

const FIRST_MARK: &str = "SELECT 'first mark of the watched'";
const LAST_MARK: &str = "SELECT 'last mark of the watched'";

struct Recorder(Option<Vec<String>>);

impl Instrumentation for Recorder {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        let InstrumentationEvent::FinishQuery { query, error, .. } = event else {
            return;
        };
        let query = query.to_string();
        if query.contains(FIRST_MARK) {
            self.0 = Some(Vec::new());
        } else if query.contains(LAST_MARK) {
            let heard = self.0.take().into_iter();
            HEARD
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .extend(heard);
        } else if let Some(heard) = &mut self.0 {
            heard.push(format!(
                "{query}{}",
                if error.is_some() { " failed" } else { "" }
            ));
        }
    }
}

#[test]
fn a_default_instrumentation_hears_only_of_what_is_done() {
    set_default_instrumentation(|| Some(Box::new(Recorder(None)))).unwrap();
    let db = TestDb::new();
    let pool = pool::postgres(db.url(), PoolDriver::Postgres).unwrap();
    let mut conn = pool.get().unwrap();
    set_default_instrumentation(|| None).unwrap();
    conn.batch_execute(rows::CREATE).unwrap();
    let insert = "INSERT INTO numbers VALUES (1, 'one', NULL)";
    let mark = |conn: &mut Pooled, mark: &str| conn.batch_execute(mark).unwrap();
    mark(&mut conn, FIRST_MARK);
    write_transaction(&mut conn, |conn| conn.batch_execute(insert)).unwrap();
    mark(&mut conn, LAST_MARK);
    conn.batch_execute("BEGIN").unwrap();
    mark(&mut conn, FIRST_MARK);
    write_transaction(&mut conn, |_| QueryResult::Ok(())).unwrap();
    mark(&mut conn, LAST_MARK);
    let heard = HEARD.lock().unwrap_or_else(PoisonError::into_inner);
    assert_eq!(
        *heard,
        [
            vec!["BEGIN", insert, "COMMIT"],
            vec![
                "SAVEPOINT covara_savepoint",
                "RELEASE SAVEPOINT covara_savepoint"
            ],
        ]
    );
}

/// Fails if there are rows.
const EMPTY: &str = "SELECT 1 / (CASE WHEN EXISTS (SELECT FROM copied) THEN 0 ELSE 1 END)";

/// Diesel cannot end it, and would wait for ever for the end of it in the pool's next `get`.
#[test]
fn a_copy_sent_as_a_text_is_an_error_and_hangs_nothing() {
    let db = TestDb::new();
    for statement_cache in [true, false] {
        let mut config = recommended_pool_config(PoolDriver::Postgres);
        config.max_size = 1;
        config.statement_cache = statement_cache;
        let pool = pool::postgres_with(db.url(), PoolDriver::Postgres, &config).unwrap();
        pool.get()
            .unwrap()
            .batch_execute("CREATE TABLE IF NOT EXISTS copied (id BIGINT)")
            .unwrap();
        for sql in [
            "COPY copied FROM STDIN",
            "COPY (SELECT generate_series(1, 100000)) TO STDOUT",
            "BEGIN; COPY copied FROM STDIN; COMMIT",
        ] {
            let any = open_with(db.url(), |own| {
                own.max_size = 1;
                own.statement_cache = statement_cache;
            })
            .unwrap();
            let pool = pool.clone();
            within(Duration::from_secs(20), sql, move || {
                for _ in 0..3 {
                    pool.get().unwrap().batch_execute(sql).unwrap_err();
                    any.get().unwrap().batch_execute(sql).unwrap_err();
                }
                // Without the pool's instrumentation, the check-out ends it.
                let mut conn = any.get().unwrap();
                conn.set_instrumentation(|_: InstrumentationEvent<'_>| ());
                conn.batch_execute(sql).unwrap();
                drop(conn);
                for _ in 0..2 {
                    any.get().unwrap().batch_execute(EMPTY).unwrap();
                    pool.get().unwrap().batch_execute(EMPTY).unwrap();
                }
            });
        }
    }
}
