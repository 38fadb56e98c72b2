//! What an observer is told: what Diesel's own connection tells of the same work, and of a
//! batch that it is one request.

use std::sync::{Arc, Mutex};

use covara_diesel::remote::{D1Connection, LibsqlConnection};
use covara_diesel::{Seed, Seedable, auto_migrate};
use diesel::connection::{InstrumentationEvent, LoadConnection, SimpleConnection};
use diesel::prelude::*;
use diesel::result::{Error, QueryResult};
use diesel::sqlite::Sqlite;
use support::fault_proxy::FaultProxy;
use support::{d1, sqld};

diesel::table! {
    notes (id) {
        id -> BigInt,
        text -> Text,
    }
}

const CREATE: &str = "CREATE TABLE notes (id BIGINT PRIMARY KEY NOT NULL, text TEXT NOT NULL)";

/// What happened, in words; shared with the connection it is told of.
#[derive(Clone, Default)]
struct EventLog(Arc<Mutex<Vec<String>>>);

impl EventLog {
    fn watch<C: Connection>(&self, conn: &mut C) {
        let events = self.clone();
        conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
            events.0.lock().unwrap().extend(in_words(&event));
        });
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

fn in_words(event: &InstrumentationEvent<'_>) -> Option<String> {
    Some(match event {
        InstrumentationEvent::StartQuery { query, .. } => format!("start {query}"),
        InstrumentationEvent::FinishQuery { query, error, .. } => {
            let outcome = if error.is_some() { "fail" } else { "finish" };
            format!("{outcome} {query}")
        }
        InstrumentationEvent::BeginTransaction { depth, .. } => format!("begin {depth}"),
        InstrumentationEvent::CommitTransaction { depth, .. } => format!("commit {depth}"),
        InstrumentationEvent::RollbackTransaction { depth, .. } => format!("roll back {depth}"),
        // There is no cache of statements behind HTTP.
        InstrumentationEvent::CacheQuery { .. } => return None,
        other => format!("{other:?}"),
    })
}

fn insert<C>(conn: &mut C, id: i64) -> QueryResult<usize>
where
    C: LoadConnection<Backend = Sqlite>,
{
    diesel::insert_into(notes::table)
        .values((notes::id.eq(id), notes::text.eq("a note")))
        .execute(conn)
}

/// All that a connection can be asked for; `immediately` runs a transaction that begins with
/// `BEGIN IMMEDIATE`.
fn program<C>(
    conn: &mut C,
    immediately: impl Fn(&mut C, fn(&mut C) -> QueryResult<usize>) -> QueryResult<usize>,
) where
    C: LoadConnection<Backend = Sqlite>,
{
    conn.batch_execute(CREATE).unwrap();
    insert(conn, 1).unwrap();
    insert(conn, 1).unwrap_err();
    conn.batch_execute("INSERT INTO notes VALUES (2, 'b'); SELECT 1")
        .unwrap();
    conn.batch_execute("SELEC").unwrap_err();
    diesel::sql_query("SELEC").execute(conn).unwrap_err();
    diesel::sql_query("INSERT INTO none VALUES (1)")
        .execute(conn)
        .unwrap_err();

    let all: Vec<(i64, String)> = notes::table.order(notes::id).load(conn).unwrap();
    assert_eq!(all.len(), 2);
    let first: i64 = notes::table.select(notes::id).first(conn).unwrap();
    assert_eq!(first, 1);
    let none = notes::table.filter(notes::id.eq(9)).count();
    assert_eq!(none.get_result(conn), Ok(0));
    // A savepoint that is kept, one that is not, and one inside another.
    let done = immediately(conn, |conn| {
        insert(conn, 10)?;
        conn.transaction(|conn| insert(conn, 11))?;
        conn.transaction(|conn| {
            insert(conn, 12)?;
            conn.transaction(|conn| insert(conn, 12)).unwrap_err();
            Err::<(), _>(Error::RollbackTransaction)
        })
        .unwrap_err();
        insert(conn, 12)
    });
    assert_eq!(done, Ok(1));
    let undone = immediately(conn, |conn| {
        insert(conn, 13)?;
        insert(conn, 13)
    });
    undone.unwrap_err();
    assert_eq!(notes::table.count().get_result(conn), Ok(5));
}

#[test]
fn libsql_sends_the_events_of_diesels_own_connection() {
    let events = EventLog::default();
    let mut local = SqliteConnection::establish(":memory:").unwrap();
    events.watch(&mut local);
    program(&mut local, |conn, work| conn.immediate_transaction(work));
    let of_local = events.take();

    let db = sqld::TestDb::new();
    let mut remote = LibsqlConnection::establish(&db.url()).unwrap();
    events.watch(&mut remote);
    program(&mut remote, |conn, work| conn.transaction(work));
    let of_remote: Vec<String> = events
        .take()
        .into_iter()
        // A savepoint that was rolled back to is let go of at once, in the same request.
        .map(|event| match event.split_once("; RELEASE") {
            Some((rollback, _)) => rollback.to_owned(),
            None => event,
        })
        .collect();
    for kind in ["begin 3", "roll back 3", "fail SELEC", "start COMMIT"] {
        let is_there = of_local.iter().any(|event| event.starts_with(kind));
        assert!(is_there, "{kind}: {of_local:#?}");
    }
    assert_eq!(of_remote, of_local);

    // Diesel's own tells of no error where a statement with RETURNING fails.
    let returned: QueryResult<i64> = diesel::update(notes::table.find(1))
        .set(notes::id.eq(2))
        .returning(notes::id)
        .get_result(&mut remote);
    returned.unwrap_err();
    let shown = events.take();
    assert!(shown[0].starts_with("start UPDATE"), "{shown:#?}");
    assert!(shown[1].starts_with("fail UPDATE"), "{shown:#?}");
    assert_eq!(shown.len(), 2);
}

/// In a transaction each statement is a request of its own, outside of any there is one.
#[test]
fn a_batch_on_libsql_is_one_request_or_part_of_the_transaction() {
    let db = sqld::TestDb::new();
    let events = EventLog::default();
    let mut conn = LibsqlConnection::establish(&db.url()).unwrap();
    conn.batch_execute(CREATE).unwrap();
    events.watch(&mut conn);
    let delete = diesel::delete(notes::table);
    let also = diesel::delete(notes::table.find(1));
    conn.batch(&[&delete, &also]).unwrap();
    let shown = events.take();
    assert_eq!(shown.len(), 2, "{shown:#?}");
    assert!(shown[0].starts_with("start DELETE") && shown[1].starts_with("finish DELETE"));

    conn.transaction(|conn| conn.batch(&[&delete, &also]))
        .unwrap();
    let shown = events.take();
    let kinds: Vec<&str> = shown
        .iter()
        .map(|event| event.split('`').next().unwrap().trim_end())
        .collect();
    let count = |what: &str| kinds.iter().filter(|kind| kind.contains(what)).count();
    assert_eq!((count("start DELETE"), count("finish DELETE")), (2, 2));
    assert_eq!((count("begin"), count("commit")), (2, 2), "{kinds:?}");
}

#[derive(Seedable)]
#[diesel(table_name = notes)]
struct Note {
    id: i64,
    text: &'static str,
}

#[test]
fn a_batch_on_d1_is_one_event_with_its_outcome() {
    let db = d1::TestDb::new();
    let proxy = FaultProxy::new(db.base_url());
    let events = EventLog::default();
    let mut conn = D1Connection::establish(&db.url_through(&proxy.origin(), d1::TOKEN)).unwrap();
    conn.batch_execute(CREATE).unwrap();
    events.watch(&mut conn);
    proxy.forget();
    let assert_one_for_each_request = |events: Vec<String>| {
        let started = events.iter().filter(|event| event.starts_with("start "));
        let ended = events.len() - started.clone().count();
        assert_eq!(started.count(), proxy.requests().len(), "{events:#?}");
        assert_eq!(ended, proxy.requests().len(), "{events:#?}");
        proxy.forget();
    };

    let one = diesel::insert_into(notes::table).values((notes::id.eq(1), notes::text.eq("a")));
    let two = diesel::insert_into(notes::table).values((notes::id.eq(2), notes::text.eq("b")));
    conn.batch(&[&one, &two]).unwrap();
    let shown = events.take();
    assert_eq!(shown.len(), 2, "{shown:#?}");
    assert!(shown[1].starts_with("finish INSERT"), "{shown:#?}");
    assert_eq!(shown[1].matches("INSERT").count(), 2, "{shown:#?}");
    assert_one_for_each_request(shown);

    conn.batch(&[&one, &two]).unwrap_err();
    let shown = events.take();
    assert!(shown[1].starts_with("fail INSERT"), "{shown:#?}");
    assert_one_for_each_request(shown);

    // What is gathered is told when it is sent.
    let notes: Vec<Note> = (10..110).map(|id| Note { id, text: "c" }).collect();
    Seed::new().table(&notes).run(&mut conn).unwrap();
    let shown = events.take();
    assert!(shown.iter().any(|event| event.starts_with("finish INSERT")));
    assert_one_for_each_request(shown);
    assert!(!auto_migrate(&mut conn).unwrap().applied.is_empty());
    assert_one_for_each_request(events.take());

    // What fails fails where it is sent, and once.
    conn.batch_execute("CREATE TRIGGER no BEFORE INSERT ON notes WHEN new.id = 250 BEGIN SELECT RAISE(ABORT, 'no such note'); END")
        .unwrap();
    events.take();
    let notes: Vec<Note> = (200..300).map(|id| Note { id, text: "d" }).collect();
    Seed::new().table(&notes).run(&mut conn).unwrap_err();
    let shown = events.take();
    let failed = shown.iter().filter(|event| event.starts_with("fail "));
    assert_eq!(failed.count(), 1, "{shown:#?}");
    assert!(!shown.iter().any(|event| event.starts_with("finish INSERT")));
}
