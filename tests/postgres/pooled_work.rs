//! Many clients on few sessions, behind a PgBouncer that leaves prepared statements alone:
//! every answer is the one that was asked for.

use std::thread;

use covara_diesel::auth::{NewSession, SessionStore};
use covara_diesel::pool::{self, PoolDriver, recommended_pool_config};
use covara_diesel::search::{Field, IndexDefinition, PostgresFts, SearchAdapter, SearchQuery};
use covara_diesel::{DatabaseConnection, ErrorKind, Seed, auto_migrate};
use diesel::connection::SimpleConnection;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::{BigInt, Text};
use serde_json::json;
use support::numbers::{self, Number, numbers as table};
use support::pgbouncer::PgBouncer;
use support::postgres::TestDb;
use support::workers;

use crate::suite::{count, number};

const CLIENTS: i64 = 8;
const SERVER_CONNECTIONS: usize = 3;
const OPERATIONS: i64 = 600;

/// The results of all operations of all clients.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    right: usize,
    wrong: usize,
    failed: usize,
}

#[derive(QueryableByName)]
struct Setting {
    #[diesel(sql_type = Text)]
    value: String,
}

/// One operation whose answer can be told from every other's.
fn operation<C>(conn: &mut C, client: i64, n: i64) -> QueryResult<bool>
where
    C: DatabaseConnection<Backend = Pg>,
{
    let key = client * 1_000_000 + n;
    let word = format!("word {key}");
    // Every client begins elsewhere, so that statements get different names.
    match (n + client) % 6 {
        0 => Ok(diesel::select(key.into_sql::<BigInt>()).get_result::<i64>(conn)? == key),
        1 => Ok(
            diesel::select(word.as_str().into_sql::<Text>()).get_result::<String>(conn)? == word,
        ),
        2 => {
            let row = (
                table::id.eq(key),
                table::label.eq(&word),
                table::half.eq(key + 1),
            );
            let inserted: Number = diesel::insert_into(table::table)
                .values(row)
                .get_result(conn)?;
            let found: (String, Option<i64>) = table::table
                .find(key)
                .select((table::label, table::half))
                .get_result(conn)?;
            Ok(inserted.label == word && found == (word, Some(key + 1)))
        }
        3 => {
            let found = table::table
                .filter(table::label.eq(&word))
                .select(table::id)
                .first::<i64>(conn)
                .optional()?;
            Ok(found.is_none())
        }
        4 => conn.transaction(|conn| {
            let asked = format!("{}ms", 100_000 + key % 100_000);
            conn.batch_execute(&format!("SET LOCAL statement_timeout = '{asked}'"))?;
            let seen = diesel::sql_query("SELECT current_setting('statement_timeout') AS value")
                .get_result::<Setting>(conn)?;
            let same = diesel::select(key.into_sql::<BigInt>()).get_result::<i64>(conn)?;
            Ok(in_milliseconds(&seen.value) == in_milliseconds(&asked) && same == key)
        }),
        _ => {
            let sessions = SessionStore::new();
            let failed = |_| Error::NotFound;
            let made = sessions
                .create(conn, NewSession::new(&word))
                .map_err(failed)?;
            let found = sessions.find(conn, &made.id).map_err(failed)?;
            Ok(found.is_some_and(|session| session.user_id == word))
        }
    }
}

/// The server writes 90000ms as 90s, and 120000ms as 2min.
fn in_milliseconds(setting: &str) -> i64 {
    for (unit, factor) in [("ms", 1), ("min", 60_000), ("s", 1000)] {
        if let Some(number) = setting.strip_suffix(unit) {
            return number.parse::<i64>().unwrap() * factor;
        }
    }
    panic!("{setting}")
}

/// All clients at once, each on a connection of its own that `connect` makes.
fn tally<C>(db: &TestDb, connect: impl Fn() -> C + Sync) -> Tally
where
    C: DatabaseConnection<Backend = Pg>,
{
    let mut direct = db.connect();
    auto_migrate(&mut direct).unwrap();
    direct.batch_execute(numbers::CREATE).unwrap();
    let clients: Vec<Tally> = thread::scope(|scope| {
        let connect = &connect;
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                scope.spawn(move || {
                    let mut conn = connect();
                    let mut tally = Tally::default();
                    for n in 0..OPERATIONS {
                        match operation(&mut conn, client, n) {
                            Ok(true) => tally.right += 1,
                            Ok(false) => tally.wrong += 1,
                            Err(_) => tally.failed += 1,
                        }
                    }
                    tally
                })
            })
            .collect();
        clients
            .into_iter()
            .map(|client| client.join().unwrap())
            .collect()
    });
    clients.iter().fold(Tally::default(), |sum, one| Tally {
        right: sum.right + one.right,
        wrong: sum.wrong + one.wrong,
        failed: sum.failed + one.failed,
    })
}

#[test]
fn of_4800_operations_on_3_sessions_all_are_right() {
    for driver in [
        PoolDriver::Neon,
        PoolDriver::Hyperdrive,
        // Seen when the pool is opened, while the pooler is not busy.
        PoolDriver::Postgres,
    ] {
        let db = TestDb::new();
        let pooler = PgBouncer::untracking(SERVER_CONNECTIONS);
        let mut config = recommended_pool_config(driver);
        config.max_size = u32::try_from(CLIENTS).unwrap();
        let pool = pool::postgres_with(pooler.url(&db.url()), driver, &config).unwrap();
        let tally = tally(&db, || pool.get().unwrap());
        let all = Tally {
            right: usize::try_from(CLIENTS * OPERATIONS).unwrap(),
            ..Tally::default()
        };
        assert_eq!(tally, all, "{driver}");
        let sessions = number(
            &mut db.connect(),
            "SELECT count(*) AS n FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        );
        assert!(sessions <= 3, "{sessions} sessions");
    }
}

/// A case that the operations above would miss.
#[test]
fn operations_with_diesels_statement_cache_fail_behind_a_pooler() {
    let db = TestDb::new();
    let pooler = PgBouncer::untracking(SERVER_CONNECTIONS);
    let url = pooler.url(&db.url());
    let tally = tally(&db, || PgConnection::establish(&url).unwrap());
    assert!(tally.wrong > 0 || tally.failed > 0, "{tally:?}");
}

#[test]
fn a_plain_connection_that_meets_others_statements_gets_the_error_shared_session() {
    let db = TestDb::new();
    let pooler = PgBouncer::untracking(1);
    let url = pooler.url(&db.url());
    auto_migrate(&mut db.connect()).unwrap();
    let (mut one, mut other) = (
        PgConnection::establish(&url).unwrap(),
        PgConnection::establish(&url).unwrap(),
    );
    let sessions = SessionStore::new();
    sessions.create(&mut one, NewSession::new("ada")).unwrap();
    let error = sessions.find(&mut other, "x").unwrap_err();
    assert!(error.kind() == Some(ErrorKind::SharedSession), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("PoolDriver::Hyperdrive"), "{text}");
}

#[test]
fn eight_processes_boot_at_once_through_a_pooler() {
    for _ in 0..20 {
        let db = TestDb::new();
        let pooler = PgBouncer::untracking(SERVER_CONNECTIONS);
        let url = format!("{}?driver=hyperdrive", pooler.url(&db.url()));
        let worker = env!("CARGO_BIN_EXE_worker");
        let applied: usize = workers::run(worker, &url, 8, |_| "migrate-pooled")
            .iter()
            .map(|printed| printed.parse::<usize>().unwrap())
            .sum();
        assert_eq!(applied, 4, "each version is applied by one process");
        assert_eq!(count(&mut db.connect(), "__covara_migrations"), 4);
    }
}

#[test]
fn a_seed_of_300000_rows_goes_through_a_pooler() {
    let db = TestDb::new();
    db.connect().batch_execute(numbers::CREATE).unwrap();
    let pooler = PgBouncer::untracking(SERVER_CONNECTIONS);
    let pool = pool::postgres(pooler.url(&db.url()), PoolDriver::Neon).unwrap();
    // Into an empty table, into one that has half of them, and into one that has all.
    for (rows, inserted) in [(150_000, 150_000), (300_000, 150_000), (300_000, 0)] {
        let summary = Seed::new()
            .rows(numbers::up_to(rows))
            .run(&mut pool.get().unwrap())
            .unwrap();
        assert_eq!(summary.inserted(), inserted);
    }
    let sum = number(
        &mut db.connect(),
        "SELECT sum(id)::bigint AS n FROM numbers",
    );
    assert_eq!(sum, 300_000 * 300_001 / 2);
}

/// Everything in a session that its next client would meet.
fn traces(conn: &mut PgConnection) -> Vec<String> {
    diesel::sql_query(
        "SELECT name || '=' || setting AS value FROM pg_settings
             WHERE source IN ('session', 'client') OR name = 'lock_timeout'
         UNION ALL SELECT 'statement ' || name FROM pg_prepared_statements
         UNION ALL SELECT 'lock ' || locktype FROM pg_locks
             WHERE locktype = 'advisory' AND pid = pg_backend_pid()
         UNION ALL SELECT 'table ' || relname FROM pg_class WHERE relpersistence = 't'
         UNION ALL SELECT 'channel ' || channel FROM pg_listening_channels() AS channel
         UNION ALL SELECT 'cursor ' || name FROM pg_cursors WHERE name <> ''
         ORDER BY 1",
    )
    .load::<Setting>(conn)
    .unwrap()
    .into_iter()
    .map(|row| row.value)
    .collect()
}

#[test]
fn transactions_leave_nothing_behind_for_the_next_client() {
    let db = TestDb::new();
    let pooler = PgBouncer::untracking(1);
    let url = pooler.url(&db.url());
    let mut next = PgConnection::establish(&url).unwrap();
    next.set_prepared_statement_cache_size(diesel::connection::CacheSize::Disabled);
    let before = traces(&mut next);

    let pool = pool::postgres(&url, PoolDriver::Hyperdrive).unwrap();
    let mut conn = pool.get().unwrap();
    fn everything(conn: &mut PgConnection) {
        auto_migrate(conn).unwrap();
        crate::suite::auth::transactions::use_all(conn);
        conn.batch_execute("CREATE TABLE IF NOT EXISTS n (id BIGSERIAL PRIMARY KEY, label TEXT)")
            .unwrap();
        conn.batch_execute(&numbers::CREATE.replace("TABLE", "TABLE IF NOT EXISTS"))
            .unwrap();
        for rows in [10_000, 20_000, 30_000] {
            Seed::new().rows(numbers::up_to(rows)).run(conn).unwrap();
        }
        let rows = b"id,label\n1,one\n".as_slice();
        let source = covara_diesel::fixture::FixtureSource::reader("n.csv", rows);
        Seed::new().fixture("n", source).run(conn).unwrap();
        search(conn);
    }
    fn search(conn: &mut PgConnection) {
        let definition = IndexDefinition::new().field("body", Field::text());
        let document = json!({"body": "word"});
        PostgresFts.create_index(conn, "docs", &definition).unwrap();
        PostgresFts.index(conn, "docs", "1", &document).unwrap();
        let many = (0..3_000).map(|n| (n.to_string(), &document));
        PostgresFts.index_many(conn, "docs", many).unwrap();
        let query = SearchQuery::new("word");
        let found = PostgresFts.search(conn, "docs", &query).unwrap();
        assert_eq!(found.total, 3_000);
        PostgresFts.delete(conn, "docs", "1").unwrap();
        PostgresFts.delete_index(conn, "docs").unwrap();
    }
    let undone: QueryResult<()> = conn.transaction(|conn| {
        everything(conn);
        Err(Error::RollbackTransaction)
    });
    assert_eq!(undone, Err(Error::RollbackTransaction));
    assert_eq!(traces(&mut next), before, "after a rollback");
    // A failing seed, and one that succeeds, outside of any transaction of the caller's.
    everything(&mut conn);
    assert_eq!(traces(&mut next), before, "after commits");
    let twice = [1, 1].map(|id| Number {
        id: id + 50_000,
        label: "a label\0".to_owned(),
        half: None,
    });
    Seed::new().table(&twice).run(&mut conn).unwrap_err();
    assert_eq!(traces(&mut next), before, "after a failure");
}
