//! What a connection does, and what it refuses.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use covara_diesel::pool::{self, PoolDriver, Tokens, recommended_pool_config};
use covara_diesel::remote::{NeonBatchOptions, NeonHttpConnection, NeonIsolation};
use diesel::connection::SimpleConnection;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{QueryFragment, QueryId};
use diesel::result::{DatabaseErrorKind, Error};
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{BigInt, Binary, Integer, Text};
use serde_json::json;
use support::fault_proxy::FaultProxy;
use support::neon::{JWT, TestDb};

use super::both;

diesel::table! {
    notes (id) { id -> BigInt, text -> Text, number -> Nullable<Integer>, }
}

const NOTES: &str =
    "CREATE TABLE notes (id BIGINT PRIMARY KEY, text TEXT NOT NULL DEFAULT 'none', number INT)";

#[derive(Debug, PartialEq, Queryable, Selectable, Insertable, AsChangeset, Identifiable)]
#[diesel(table_name = notes, treat_none_as_default_value = false)]
struct Note {
    id: i64,
    text: String,
    number: Option<i32>,
}

fn note(id: i64, text: &str) -> Note {
    Note {
        id,
        text: text.to_owned(),
        number: None,
    }
}

fn insert(id: i64) -> impl QueryFragment<Pg> {
    diesel::insert_into(notes::table).values((notes::id.eq(id), notes::text.eq("batch")))
}

fn ids(conn: &mut NeonHttpConnection) -> Vec<i64> {
    notes::table
        .select(notes::id)
        .order(notes::id)
        .load(conn)
        .unwrap()
}

#[test]
fn nothing_is_sent_before_the_first_statement() {
    let db = TestDb::new();
    let proxy = FaultProxy::new(db.proxy().origin());
    let mut conn = NeonHttpConnection::establish(&db.url_through(&proxy.origin())).unwrap();
    assert_eq!(proxy.requests().len(), 0);
    conn.batch_execute("SELECT 1").unwrap();
    assert_eq!(proxy.requests().len(), 1);
}

#[test]
fn diesels_queries_are_those_of_a_pg_connection() {
    let db = TestDb::new();
    let (mut conn, mut pg) = both(&db);
    conn.batch_execute(NOTES).unwrap();
    let rows = [
        note(1, "a"),
        Note {
            number: Some(7),
            ..note(2, "b")
        },
    ];
    let inserted: Vec<Note> = diesel::insert_into(notes::table)
        .values(&rows)
        .get_results(&mut conn)
        .unwrap();
    assert_eq!(inserted, rows);
    let read: Vec<Note> = notes::table.order(notes::id).load(&mut pg).unwrap();
    assert_eq!(read, rows);
    let upserted = diesel::insert_into(notes::table)
        .values(note(2, "c"))
        .on_conflict(notes::id)
        .do_update()
        .set(notes::text.eq(diesel::upsert::excluded(notes::text)))
        .execute(&mut conn);
    assert_eq!(upserted, Ok(1));
    let found: Vec<Note> = notes::table
        .filter(notes::id.eq_any([2_i64, 9]).and(notes::text.like("c%")))
        .limit(5)
        .load(&mut conn)
        .unwrap();
    assert_eq!(
        found,
        [Note {
            number: Some(7),
            ..note(2, "c")
        }]
    );
    assert_eq!(
        diesel::delete(notes::table.find(9)).execute(&mut conn),
        Ok(0)
    );
    let count: i64 = notes::table.count().get_result(&mut conn).unwrap();
    assert_eq!(count, 2);
    let none = notes::table.find(9).first::<Note>(&mut conn);
    assert_eq!(none, Err(Error::NotFound));
}

#[test]
fn errors_have_the_fields_that_a_pg_connection_gives() {
    let db = TestDb::new();
    let (mut conn, mut pg) = both(&db);
    conn.batch_execute(NOTES).unwrap();
    conn.batch_execute("ALTER TABLE notes ADD CHECK (id < 100); INSERT INTO notes VALUES (1)")
        .unwrap();
    for sql in [
        "INSERT INTO notes VALUES (1)",
        "INSERT INTO notes VALUES (2, NULL)",
        "INSERT INTO notes VALUES (200)",
        "SELECT * FROM nothing",
        "SELECT 1/0",
        "SELEC",
    ] {
        let [found, expected] = [
            diesel::sql_query(sql).execute(&mut conn).unwrap_err(),
            diesel::sql_query(sql).execute(&mut pg).unwrap_err(),
        ];
        let (Error::DatabaseError(kind, found), Error::DatabaseError(expected_kind, expected)) =
            (found, expected)
        else {
            panic!("{sql}");
        };
        assert_eq!(format!("{kind:?}"), format!("{expected_kind:?}"), "{sql}");
        assert_eq!(found.message(), expected.message());
        assert_eq!(found.details(), expected.details());
        assert_eq!(found.hint(), expected.hint());
        assert_eq!(found.table_name(), expected.table_name());
        assert_eq!(found.column_name(), expected.column_name());
        assert_eq!(found.constraint_name(), expected.constraint_name());
        assert_eq!(found.statement_position(), expected.statement_position());
    }
}

/// Values in a statement have their types in what is sent, which moves what is after them.
#[test]
fn positions_of_errors_are_those_in_the_users_sql() {
    let db = TestDb::new();
    let (mut conn, mut pg) = both(&db);
    for sql in [
        "SELECT 'ä', $1, $2, oops",
        "SELECT $2 + $1",
        "SELECT oops, $1, $2",
        "SELECT $1, $2 FROM",
        "SELECT $1 FROM nowhere WHERE $2 = 1",
        "SELECT $1, $2, (",
    ] {
        let query = || {
            diesel::sql_query(sql)
                .bind::<Text, _>("a")
                .bind::<Integer, _>(1)
        };
        let position = |error: Error| match error {
            Error::DatabaseError(_, information) => information.statement_position(),
            other => panic!("{sql}: {other:?}"),
        };
        let expected = position(query().execute(&mut pg).unwrap_err());
        assert!(expected.is_some(), "{sql}");
        let found = position(query().execute(&mut conn).unwrap_err());
        assert_eq!(found, expected, "{sql}");
        let found = query().load::<Named>(&mut conn).map(|_| ()).unwrap_err();
        assert_eq!(position(found), expected, "{sql}");
        let error = conn.batch(&[&diesel::sql_query("SELECT 1"), &query()]);
        let error = error.unwrap_err();
        assert_eq!(error.statement, Some(1));
        assert_eq!(position(error.source), expected, "{sql}");
    }
}

/// Before PostgreSQL 16 no text of such a byte is UTF-8, so it is sent as a number.
#[test]
fn single_bytes_of_any_value_are_written() {
    let db = TestDb::new();
    let (mut conn, mut pg) = both(&db);
    conn.batch_execute("CREATE TABLE bytes (byte \"char\")")
        .unwrap();
    for byte in [0_u8, 65, 92, 127, 128, 255] {
        let written = diesel::sql_query("INSERT INTO bytes VALUES ($1)")
            .bind::<diesel::sql_types::CChar, _>(byte)
            .execute(&mut conn);
        assert_eq!(written, Ok(1), "{byte}");
    }
    let read = diesel::dsl::sql::<diesel::sql_types::Array<diesel::sql_types::CChar>>(
        "(SELECT array_agg(byte ORDER BY ctid) FROM bytes)",
    );
    let read: Vec<u8> = diesel::select(read).get_result(&mut pg).unwrap();
    assert_eq!(read, [0, 65, 92, 127, 128, 255]);
}

#[test]
fn changes_are_saved_and_the_row_comes_back() {
    let db = TestDb::new();
    let (mut conn, mut pg) = both(&db);
    conn.batch_execute(NOTES).unwrap();
    conn.batch(&[&insert(1)]).unwrap();
    let saved: Note = note(1, "saved").save_changes(&mut conn).unwrap();
    assert_eq!(saved, note(1, "saved"));
    assert_eq!(notes::table.first(&mut pg), Ok(saved));
    let missing: QueryResult<Note> = note(2, "saved").save_changes(&mut conn);
    assert_eq!(missing, Err(Error::NotFound));
}

/// What PostgreSQL's scanner takes for one text or one statement.
#[test]
fn texts_and_statements_end_where_postgresql_ends_them() {
    let db = TestDb::new();
    let (mut conn, _) = both(&db);
    let sql = r"SELECT $1 || E'it''s \'; $2' || E'b'
                    -- a comment'
                    '\'; $2' AS name";
    let rows: Vec<Named> = diesel::sql_query(sql)
        .bind::<Text, _>("a ")
        .load(&mut conn)
        .unwrap();
    assert_eq!(rows[0].name, "a it's '; $2b'; $2");
    conn.batch_execute(NOTES).unwrap();
    conn.batch_execute(
        "CREATE TABLE log (id BIGINT);
         CREATE RULE twice AS ON INSERT TO notes
             DO ALSO (INSERT INTO log VALUES (new.id); INSERT INTO log VALUES (-new.id));
         INSERT INTO notes VALUES (7)",
    )
    .unwrap();
    let logged: i64 = diesel::select(diesel::dsl::sql::<BigInt>("(SELECT count(*) FROM log)"))
        .get_result(&mut conn)
        .unwrap();
    assert_eq!(logged, 2);
}

/// A connection that knows a type as it was before somebody else altered it reads no wrong value, and
/// goes on.
#[test]
fn types_may_be_altered_by_others() {
    let db = TestDb::new();
    let (mut conn, mut pg) = both(&db);
    pg.batch_execute("CREATE TYPE mood AS ENUM ('happy'); CREATE TYPE spot AS (a INT)")
        .unwrap();
    let read = |conn: &mut NeonHttpConnection, spot: &str| {
        diesel::select(diesel::dsl::sql::<Binary>(spot)).get_result::<Vec<u8>>(conn)
    };
    let bind = |conn: &mut NeonHttpConnection| {
        let bound = diesel::sql_query("SELECT $1").bind::<Mood, _>(Happy);
        bound.execute(conn)
    };
    let before = read(&mut conn, "ROW(1)::spot").unwrap();
    assert_eq!(bind(&mut conn), Ok(1));
    pg.batch_execute("ALTER TYPE spot ADD ATTRIBUTE b INT")
        .unwrap();
    let both = "ROW(1, 2)::spot";
    assert!(read(&mut conn, both).is_err());
    assert!(read(&mut conn, both).unwrap().len() > before.len());
    // As on a `PgConnection`, the type that was found by its name is the same one.
    assert_eq!(bind(&mut conn), Ok(1));
    pg.batch_execute("ALTER TYPE mood RENAME TO feeling")
        .unwrap();
    assert!(bind(&mut conn).is_err());
    assert_eq!(bind(&mut conn), Ok(1));
}

#[derive(diesel::sql_types::SqlType, QueryId)]
#[diesel(postgres_type(name = "mood"))]
struct Mood;

#[derive(Debug, diesel::expression::AsExpression)]
#[diesel(sql_type = Mood)]
struct Happy;

impl ToSql<Mood, Pg> for Happy {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        std::io::Write::write_all(out, b"happy")?;
        Ok(IsNull::No)
    }
}

#[test]
fn what_would_vanish_with_its_session_is_an_error() {
    let db = TestDb::new();
    let (mut conn, _) = both(&db);
    for sql in [
        "BEGIN",
        "SET search_path TO nowhere",
        "LISTEN a",
        "CREATE TEMP TABLE a ()",
        "SET LOCAL work_mem = '1MB'",
        "PREPARE a AS SELECT 1",
        "COPY notes FROM STDIN",
        "SELECT 1; COMMIT",
        "SELECT 1; SET a.b = 1; SELECT 2",
        "SELECT 1 INTO TEMP a",
        "CREATE TABLE pg_temp.a ()",
    ] {
        let error = conn.batch_execute(sql).unwrap_err().to_string();
        assert!(error.contains("batch()"), "{sql}: {error}");
    }
    let error = diesel::sql_query("DISCARD ALL")
        .execute(&mut conn)
        .unwrap_err();
    assert!(error.to_string().contains("batch()"), "{error}");
    let outcome = conn.transaction::<_, Error, _>(|_| panic!("it does not begin"));
    let error: Error = QueryResult::<()>::unwrap_err(outcome);
    assert!(error.to_string().contains("batch()"), "{error}");
    assert!(conn.begin_test_transaction().is_err());
}

#[test]
fn a_batch_is_one_transaction() {
    let db = TestDb::new();
    let (mut conn, _) = both(&db);
    conn.batch_execute(NOTES).unwrap();
    assert_eq!(conn.batch(&[&insert(1), &insert(2)]).unwrap(), [1, 1]);
    let error = conn
        .batch(&[&insert(3), &insert(2), &insert(4)])
        .unwrap_err();
    assert_eq!(error.statement, Some(1));
    assert_eq!(error.to_string(), "statement 2 of the batch failed");
    assert!(matches!(
        error.source,
        Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _)
    ));
    assert_eq!(ids(&mut conn), [1, 2]);
    assert_eq!(conn.batch(&[]).unwrap(), [0; 0]);

    // Statements that only make sense in a transaction.
    let local = diesel::sql_query("SET LOCAL search_path TO public");
    let temporary = diesel::sql_query("CREATE TEMP TABLE passing (a INT) ON COMMIT DROP");
    let into = diesel::sql_query("INSERT INTO passing VALUES (1)");
    assert_eq!(conn.batch(&[&local, &temporary, &into]).unwrap(), [0, 0, 1]);
    let commit = diesel::sql_query("COMMIT");
    let error = conn.batch(&[&insert(5), &commit]).unwrap_err();
    assert_eq!(error.statement, Some(1));
    assert_eq!(ids(&mut conn), [1, 2]);

    // A constraint that is checked at the end is no statement's.
    conn.batch_execute("ALTER TABLE notes ADD UNIQUE (number) DEFERRABLE INITIALLY DEFERRED")
        .unwrap();
    let same = || diesel::update(notes::table).set(notes::number.eq(1));
    let error = conn.batch(&[&same(), &insert(6)]).unwrap_err();
    assert_eq!(error.statement, None);
    assert_eq!(ids(&mut conn), [1, 2]);
}

#[test]
fn a_batch_has_the_isolation_that_it_asks_for() {
    let db = TestDb::new();
    let (mut conn, _) = both(&db);
    conn.batch_execute(NOTES).unwrap();
    conn.batch_execute("CREATE TABLE seen (level TEXT, read TEXT, late TEXT)")
        .unwrap();
    let record = || {
        diesel::sql_query(
            "INSERT INTO seen SELECT current_setting('transaction_isolation'),
                 current_setting('transaction_read_only'), current_setting('transaction_deferrable')",
        )
    };
    let levels = [
        (NeonIsolation::ReadUncommitted, "read uncommitted"),
        (NeonIsolation::ReadCommitted, "read committed"),
        (NeonIsolation::RepeatableRead, "repeatable read"),
        (NeonIsolation::Serializable, "serializable"),
    ];
    for (level, name) in levels {
        let options = NeonBatchOptions::new().isolation(level).deferrable(true);
        conn.batch_with(options, &[&record()]).unwrap();
        let deleted: Vec<(String, String, String)> =
            diesel::delete(seen::table).get_results(&mut conn).unwrap();
        assert_eq!(
            deleted,
            [(name.to_owned(), "off".to_owned(), "on".to_owned())]
        );
    }
    let error = conn
        .batch_with(NeonBatchOptions::new().read_only(true), &[&insert(1)])
        .unwrap_err();
    assert!(matches!(
        error.source,
        Error::DatabaseError(DatabaseErrorKind::ReadOnlyTransaction, _)
    ));
    assert_eq!(error.statement, Some(0));
}

diesel::table! {
    seen (level) { level -> Text, read -> Text, late -> Text, }
}

#[test]
fn tokens_are_asked_for_before_each_request() {
    let db = TestDb::new();
    let url = format!(
        "{}?base_url={}/sql",
        db.connection_string_for_token(),
        db.proxy().origin()
    );
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let mut conn = NeonHttpConnection::establish_with_tokens(&url, move || {
        match counter.fetch_add(1, Ordering::Relaxed) {
            0 | 1 => Ok(JWT.to_owned()),
            2 => Ok("an-old-token".to_owned()),
            _ => Err("nobody gives tokens".into()),
        }
    })
    .unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    conn.batch_execute("SELECT 1").unwrap();
    conn.batch_execute("SELECT 1").unwrap();
    let error = conn.batch_execute("SELECT 1").unwrap_err();
    assert!(!error.to_string().contains("an-old-token"), "{error}");
    assert!(matches!(
        error,
        Error::DatabaseError(DatabaseErrorKind::UnableToSendCommand, _)
    ));
    let error = conn.batch_execute("SELECT 1").unwrap_err().to_string();
    assert!(error.contains("nobody gives tokens"), "{error}");
    let mut fixed = NeonHttpConnection::establish(&format!("{url}&token={JWT}")).unwrap();
    fixed.batch_execute("SELECT 1").unwrap();
    // A pool asks, too.
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let mut config = recommended_pool_config(PoolDriver::NeonHttp);
    config.tokens = Some(Tokens::new(move || {
        counter.fetch_add(1, Ordering::Relaxed);
        Ok(JWT.to_owned())
    }));
    let pool = pool::neon_http_with(&url, &config).unwrap();
    for _ in 0..2 {
        pool.get().unwrap().batch_execute("SELECT 1").unwrap();
    }
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[test]
fn a_wrong_password_is_an_error_that_does_not_show_it() {
    let db = TestDb::new();
    let url = db.url();
    let (start, rest) = url.split_once('@').unwrap();
    let (user, password) = start.rsplit_once(':').unwrap();
    let mut conn = NeonHttpConnection::establish(&format!("{user}:not-{password}@{rest}")).unwrap();
    let error = conn.batch_execute("SELECT 1").unwrap_err();
    assert!(matches!(
        error,
        Error::DatabaseError(DatabaseErrorKind::UnableToSendCommand, _)
    ));
    assert!(
        error.to_string().contains("password authentication failed"),
        "{error}"
    );
    assert!(!error.to_string().contains(password) && !format!("{conn:?}").contains(password));
}

#[test]
fn limits_are_errors_that_say_so() {
    let limits = json!({ "maxRequest": 2000, "maxResponse": 2000, "timeout": 500 });
    let db = TestDb::with(&limits);
    let (mut conn, mut pg) = both(&db);
    conn.batch_execute(NOTES).unwrap();
    let long = "x".repeat(2000);
    let message = |error: Error| error.to_string();
    let large = diesel::insert_into(notes::table)
        .values(note(1, &long))
        .execute(&mut conn);
    let error = message(large.unwrap_err());
    assert!(error.contains("send less at once"), "{error}");
    let large = diesel::sql_query("SELECT repeat('x', 3000)").execute(&mut conn);
    let error = message(large.unwrap_err());
    assert!(error.contains("ask for less at once"), "{error}");
    let slow = diesel::sql_query("INSERT INTO notes SELECT 5 FROM pg_sleep(3)").execute(&mut conn);
    assert!(matches!(
        slow.unwrap_err(),
        Error::DatabaseError(DatabaseErrorKind::ClosedConnection, _)
    ));
    let kept: i64 = notes::table.count().get_result(&mut pg).unwrap();
    assert_eq!(kept, 0);
}

#[derive(Debug, PartialEq, QueryableByName)]
struct Named {
    #[diesel(sql_type = Text)]
    name: String,
}

/// A statement that fails the first time only is no statement's fault.
#[test]
fn no_statement_is_named_for_an_error_that_does_not_come_again() {
    let db = TestDb::new();
    let (mut conn, _) = both(&db);
    conn.batch_execute(NOTES).unwrap();
    conn.batch_execute(
        "CREATE SEQUENCE s;
         CREATE FUNCTION once() RETURNS int LANGUAGE plpgsql AS $$ BEGIN
             IF nextval('s') % 2 = 1 THEN RAISE EXCEPTION 'odd'; END IF; RETURN 1; END $$",
    )
    .unwrap();
    let once = diesel::sql_query("SELECT once()");
    let error = conn.batch(&[&insert(1), &once, &insert(2)]).unwrap_err();
    assert_eq!(error.statement, None);
    assert!(error.source.to_string().contains("odd"));
    assert_eq!(ids(&mut conn), [0_i64; 0]);
}

#[test]
fn a_batch_that_only_reads_cannot_be_made_one_that_writes() {
    let db = TestDb::new();
    let (mut conn, _) = both(&db);
    conn.batch_execute(NOTES).unwrap();
    let options = NeonBatchOptions::new().read_only(true);
    for sql in [
        "SET TRANSACTION READ WRITE",
        "SET LOCAL transaction_read_only = off",
        "SELECT set_config('transaction_read_only', 'off', true)",
    ] {
        let change = diesel::sql_query(sql);
        assert!(
            conn.batch_with(options, &[&change, &insert(1)]).is_err(),
            "{sql}"
        );
    }
    assert_eq!(ids(&mut conn), [0_i64; 0]);
}

#[test]
fn more_values_than_the_protocol_counts_are_an_error() {
    let db = TestDb::new();
    let (mut conn, _) = both(&db);
    let all = vec![1_i64; 65_536];
    let mut query = diesel::sql_query("SELECT $65536").into_boxed::<Pg>();
    for number in all {
        query = query.bind::<BigInt, _>(number);
    }
    let error = query.execute(&mut conn).unwrap_err();
    assert!(error.to_string().contains("65,535"), "{error}");
}

#[test]
fn rows_are_read_by_name_and_nothing_is_lost_in_json() {
    let db = TestDb::new();
    let (mut conn, _) = both(&db);
    let text = "\u{1}\"\\/\u{2028}\u{1F600}\n";
    let rows: Vec<Named> = diesel::sql_query("SELECT 1 AS other, $1 AS name WHERE '$2' <> $1")
        .bind::<Text, _>(text)
        .load(&mut conn)
        .unwrap();
    assert_eq!(
        rows,
        [Named {
            name: text.to_owned()
        }]
    );
    // Names that are the same, and columns without one.
    let pair: (i32, i32) = diesel::select((
        diesel::dsl::sql::<diesel::sql_types::Integer>("1"),
        diesel::dsl::sql::<diesel::sql_types::Integer>("2"),
    ))
    .get_result(&mut conn)
    .unwrap();
    assert_eq!(pair, (1, 2));
}

#[test]
fn eight_threads_work_at_once() {
    let db = TestDb::new();
    let (mut conn, _) = both(&db);
    conn.batch_execute(NOTES).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let url = db.url();
            scope.spawn(move || {
                let mut conn = NeonHttpConnection::establish(&url).unwrap();
                for row in 0..20 {
                    conn.batch(&[&insert(thread * 100 + row)]).unwrap();
                }
            });
        }
    });
    assert_eq!(ids(&mut conn).len(), 160);
}

#[test]
fn every_area_works_on_a_connection_that_the_url_decides() {
    use covara_diesel::auth::{NewSession, SessionStore};
    use covara_diesel::{AnyConnection, Dialect, Seed, auto_migrate, open, with_typed};
    use support::numbers::{self, Number};

    let db = TestDb::new();
    let pool = open(db.url()).unwrap();
    assert_eq!(
        (pool.driver(), pool.dialect(), pool.max_size()),
        (PoolDriver::NeonHttp, Dialect::Postgres, 1)
    );
    let mut conn = pool.get().unwrap();
    assert!(matches!(*conn, AnyConnection::NeonHttp(_)));
    assert_eq!(auto_migrate(&mut conn).unwrap().applied.len(), 4);
    with_typed!(&mut conn, |conn| conn.batch_execute(numbers::CREATE)).unwrap();
    for inserted in [1_001, 0] {
        let summary = Seed::new()
            .rows(numbers::up_to(1_000))
            .csv::<Number>(b"id,label,half\n1001,more,\n".as_slice())
            .run(&mut conn)
            .unwrap();
        assert_eq!(summary.inserted(), inserted);
        assert_eq!(summary.transactions, 1);
    }
    let session = SessionStore::new()
        .create(&mut conn, NewSession::new("ada"))
        .unwrap();
    let found = SessionStore::new().find(&mut conn, &session.id).unwrap();
    assert_eq!(found, Some(session));
    let count = numbers::numbers::table.count().first(&mut conn);
    assert_eq!(count, Ok(1_001_i64));
    let begun: QueryResult<()> = conn.transaction(|_| Ok(()));
    assert!(begun.unwrap_err().to_string().contains("batch()"));
}
