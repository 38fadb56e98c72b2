//! The auth stores against the same SQL by hand, through rusqlite and the `postgres` crate;
//! whether time tells which API keys exist; and whether many sessions slow anything down.
//!
//!     tests/with-postgres cargo bench --features postgres --bench auth
//!     tests/with-postgres cargo bench --features postgres --bench auth -- 10000000
//!
//! Numbers are further sizes of the table of sessions, beside 10,000 and 1,000,000.
//!
//! tower-sessions-rusqlite-store and tower-sessions-sqlx-store are not measured beside: they
//! link other versions of SQLite's library, and two do not go into one program.

mod by_hand;
mod comparison;
mod measure;

use std::hint::black_box;

use by_hand::ByHand;
use comparison::{Comparison, timed};
use covara_diesel::auth::{
    ApiKeyStore, NewApiKey, NewSession, Rejected, Session, SessionId, SessionStore,
};
use covara_diesel::{DatabaseConnection, Dialect, Engine, auto_migrate, pool};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use measure::{median, print_setting, quantile, short};
use serde::{Deserialize, Serialize};

const ROUNDS: usize = 61;

/// What Covara keeps in a session.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Activity {
    last_active_at: i64,
    ip_address: String,
    user_agent: String,
}

impl Activity {
    fn some() -> Self {
        Self {
            last_active_at: 1_767_323_045_001,
            ip_address: "203.0.113.7".to_owned(),
            user_agent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101".to_owned(),
        }
    }
}

fn main() {
    let sizes: Vec<u64> = [10_000, 1_000_000]
        .into_iter()
        .chain(
            std::env::args()
                .skip(1)
                .filter_map(|size| size.parse().ok()),
        )
        .collect();
    sqlite(&sizes);
    #[cfg(feature = "postgres")]
    postgres(&sizes);
    #[cfg(not(feature = "postgres"))]
    println!(
        "\nPostgreSQL: not measured, no server; run \
         tests/with-postgres cargo bench --features postgres --bench auth"
    );
}

fn sqlite(sizes: &[u64]) {
    use support::sqlite::TestDb;

    // A file each, or every write of one would empty the other's page cache.
    let (ours, theirs) = (TestDb::new(), TestDb::new());
    let pool = pool::sqlite(ours.url()).expect("a new file");
    let conn = &mut *pool.get().expect("a connection");
    let version = diesel::select(diesel::dsl::sql::<Text>("sqlite_version()"))
        .get_result::<String>(conn)
        .expect("SQLite knows its version");
    print_setting(
        "SQLite",
        version,
        "WAL, one connection, one call after another",
    );
    auto_migrate(conn).expect("a new file");
    auto_migrate(
        &mut pool::sqlite(theirs.url())
            .expect("a new file")
            .get()
            .expect("a connection"),
    )
    .expect("a new file");
    let mut hand = by_hand::sqlite::Sqlite::open(&theirs.url());
    sessions("SQLite", 100, conn, &mut hand);
    api_keys("SQLite", 500, conn, &mut hand, |key, text| {
        theirs
            .connect()
            .batch_execute(&copy(key, text, "1700000000"))
            .expect("a new key");
    });
    for &size in sizes {
        let db = TestDb::new();
        let pool = pool::sqlite(db.url()).expect("a new file");
        let conn = &mut *pool.get().expect("a connection");
        flatness("SQLite", size, conn, || {
            by_hand::sqlite::Sqlite::open(&db.url())
        });
    }
}

#[cfg(feature = "postgres")]
fn postgres(sizes: &[u64]) {
    use covara_diesel::pool::PoolDriver;
    use support::postgres::TestDb;

    let (ours, theirs) = (TestDb::new(), TestDb::new());
    let pool = pool::postgres(ours.url(), PoolDriver::Postgres).expect("the test server");
    let conn = &mut *pool.get().expect("a connection");
    let version = diesel::select(diesel::dsl::sql::<Text>(
        "current_setting('server_version')",
    ))
    .get_result::<String>(conn)
    .expect("the server knows its version");
    print_setting(
        "PostgreSQL",
        version,
        "loopback, one connection, one call after another",
    );
    auto_migrate(conn).expect("a new database");
    auto_migrate(&mut theirs.connect()).expect("a new database");
    let mut hand = by_hand::postgres::Postgres::connect(&theirs.url());
    sessions("PostgreSQL", 100, conn, &mut hand);
    api_keys("PostgreSQL", 100, conn, &mut hand, |key, text| {
        theirs
            .connect()
            .batch_execute(&copy(key, text, "'2023-11-14'"))
            .expect("a new key");
    });
    for &size in sizes {
        let db = TestDb::new();
        flatness("PostgreSQL", size, &mut db.connect(), || {
            by_hand::postgres::Postgres::connect(&db.url())
        });
    }
}

/// Sessions, `calls` of each kind a round.
fn sessions<C: DatabaseConnection>(
    engine: &str,
    calls: usize,
    conn: &mut C,
    hand: &mut impl ByHand,
) {
    let store = SessionStore::new().typed::<Activity>();
    let any = SessionStore::new();
    let data = Activity::some();
    let json = serde_json::to_string(&data).expect("plain data");
    // Ids made beforehand: making them is our work, not theirs.
    let theirs: Vec<String> = (0..calls * ROUNDS).map(random).collect();
    let mut ours: Vec<Session<Activity>> = Vec::new();

    let names = ["by hand", "SessionStore"];
    let title = |kind| format!("{engine}, {calls} × {kind} a session");
    let mut create = Comparison::new(title("create"), &names);
    for ids in theirs.chunks(calls) {
        let (time, ()) = timed(|| {
            for id in ids {
                hand.create(id, "user-1", &json);
            }
        });
        create.add(0, time);
        let (time, ()) = timed(|| {
            for _ in 0..calls {
                let new = NewSession::new("user-1").data(data.clone());
                ours.push(store.create(conn, new).expect("a new session"));
            }
        });
        create.add(1, time);
    }
    create.print();

    let mut find = Comparison::new(
        title("find"),
        &[
            "by hand, JSON left as text",
            "SessionStore, data of a type",
            "SessionStore, any JSON",
        ],
    );
    for (theirs, ours) in theirs.chunks(calls).zip(ours.chunks(calls)) {
        let (time, ()) = timed(|| {
            for id in theirs {
                black_box(hand.find(id));
            }
        });
        find.add(0, time);
        let (time, ()) = timed(|| {
            for session in ours {
                let found = store.find(conn, &session.id).expect("a database");
                black_box(found.expect("a live session"));
            }
        });
        find.add(1, time);
        let (time, ()) = timed(|| {
            for session in ours {
                let found = any.find(conn, &session.id).expect("a database");
                black_box(found.expect("a live session"));
            }
        });
        find.add(2, time);
    }
    find.print();

    let mut save = Comparison::new(title("save"), &names);
    for (theirs, ours) in theirs.chunks(calls).zip(ours.chunks(calls)) {
        let (time, ()) = timed(|| {
            for id in theirs {
                hand.save(id, "user-1", &json);
            }
        });
        save.add(0, time);
        let (time, ()) = timed(|| {
            for session in ours {
                store.save(conn, session).expect("a database");
            }
        });
        save.add(1, time);
    }
    save.print();

    let mut delete = Comparison::new(title("delete"), &names);
    for (theirs, ours) in theirs.chunks(calls).zip(ours.chunks(calls)) {
        let (time, ()) = timed(|| {
            for id in theirs {
                assert!(hand.delete(id));
            }
        });
        delete.add(0, time);
        let (time, ()) = timed(|| {
            for session in ours {
                assert!(store.delete(conn, &session.id).expect("a database"));
            }
        });
        delete.add(1, time);
    }
    delete.print();
}

/// The n-th of 32 characters that look like chance: where rows lie decides over page caches.
fn random(n: usize) -> String {
    let mut text = by_hand::hash(&n.to_string());
    text.split_off(text.len() - 32)
}

/// SQL that puts a key of ours where the other side looks.
fn copy(key: &covara_diesel::auth::ApiKey, hash: &str, time: &str) -> String {
    format!(
        "INSERT INTO auth_api_keys (id, \"userId\", name, \"keyHash\", \"keyPrefix\", scopes,
         \"createdAt\", \"lastUsedAt\")
         VALUES ('{}', 'user-1', 'CI', '{hash}', '{}', '[\"read\",\"write:2\"]', {time}, {time})",
        key.id, key.key_prefix
    )
}

fn api_keys<C: DatabaseConnection>(
    engine: &str,
    calls: usize,
    conn: &mut C,
    hand: &mut impl ByHand,
    mut copy: impl FnMut(&covara_diesel::auth::ApiKey, &str),
) {
    let store = ApiKeyStore::new();
    let keys: Vec<_> = (0..calls)
        .map(|_| {
            let new = NewApiKey::new("user-1", "CI")
                .prefix("my_app")
                .scopes(["read", "write:2"]);
            let (secret, key) = store.create(conn, new).expect("a new key");
            copy(&key, &by_hand::hash(secret.expose()));
            (secret, key)
        })
        .collect();
    let mut check = Comparison::new(
        format!("{engine}, {calls} × check an API key"),
        &["SELECT and SHA-256 by hand", "ApiKeyStore::verify"],
    );
    for _ in 0..ROUNDS {
        let (time, ()) = timed(|| {
            for (secret, key) in &keys {
                assert!(hand.check(&key.id, secret.expose()));
            }
        });
        check.add(0, time);
        let (time, ()) = timed(|| {
            for (secret, _) in &keys {
                black_box(store.verify(conn, secret).expect("a valid key"));
            }
        });
        check.add(1, time);
    }
    check.print();

    // Time by time, in an order that favours neither.
    let tail = "x".repeat(32);
    let mut times = [Vec::new(), Vec::new()];
    for (n, (_, key)) in keys.iter().cycle().take(20 * calls).enumerate() {
        let wrong = format!("{}.{tail}", key.key_prefix);
        let unknown = format!("my_app_{}.{tail}", &random(n)[..16]);
        for turn in [n % 2, 1 - n % 2] {
            let text = [&wrong, &unknown][turn];
            let (time, refused) = timed(|| store.verify(conn, text));
            assert!(matches!(refused, Err(Rejected::NotFound)));
            times[turn].push(time);
        }
    }
    println!(
        "\n{engine}, does time tell which ids exist? ({} calls of each)",
        times[0].len()
    );
    for (name, times) in ["id exists, secret is wrong", "id does not exist"]
        .iter()
        .zip(&times)
    {
        println!(
            "  {name:<36} median {:>9}, quartiles {:>9} and {:>9}",
            short(median(times)),
            short(quantile(times, 0.25)),
            short(quantile(times, 0.75)),
        );
    }
    let shorter = times[0]
        .iter()
        .zip(&times[1])
        .filter(|(wrong, unknown)| wrong < unknown);
    let share = shorter.count() as f64 / times[0].len() as f64;
    println!(
        "  the id that exists was answered sooner in {:.1} % of pairs",
        share * 100.0
    );
}

/// Fills the table with `size` sessions, a tenth of them over, and measures one call each.
fn flatness<C: DatabaseConnection, H: ByHand>(
    engine: &str,
    size: u64,
    conn: &mut C,
    hand: impl FnOnce() -> H,
) {
    auto_migrate(conn).expect("a new database");
    let (fill, after) = match C::Backend::DIALECT {
        Dialect::Sqlite => (
            format!(
                "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers
                                                WHERE n < {size})
                 INSERT INTO auth_sessions
                 SELECT lower(hex(randomblob(16))), 'user-' || n, 1500000000 + n,
                        CASE n % 10 WHEN 0 THEN 1600000000 + n ELSE 4000000000 + n END,
                        '{{\"lastActiveAt\":1767323045001,\"ipAddress\":\"203.0.113.7\"}}'
                 FROM numbers"
            ),
            "ANALYZE",
        ),
        Dialect::Postgres => (
            format!(
                "INSERT INTO auth_sessions
                 SELECT md5(n::text), 'user-' || n, to_timestamp(1500000000 + n)::timestamp,
                        to_timestamp((CASE n % 10 WHEN 0 THEN 1600000000 ELSE 4000000000 END) + n)
                            AT TIME ZONE 'UTC',
                        '{{\"lastActiveAt\":1767323045001,\"ipAddress\":\"203.0.113.7\"}}'
                 FROM generate_series(1, {size}::bigint) AS n"
            ),
            "VACUUM ANALYZE auth_sessions",
        ),
    };
    conn.batch_execute(&fill).expect("room for them");
    conn.batch_execute(after).expect("a table");
    let store = SessionStore::new();
    let step = size / 1_000;
    let ids: Vec<SessionId> = (0..1_000)
        .filter_map(|n| {
            let user = format!("user-{}", n * step + 1);
            let mut rows = store.list_for_user(conn, user).expect("a database");
            rows.pop()?.ok().map(|session| session.id)
        })
        .collect();
    let mut hand = hand();
    let mut find = [Vec::new(), Vec::new()];
    for round in 0..3 {
        for id in &ids {
            let times = [
                timed(|| black_box(hand.find(id.expose()))).0,
                timed(|| black_box(store.find(conn, id)).expect("a database")).0,
            ];
            // The first round warms the caches.
            if round > 0 {
                find[0].push(times[0]);
                find[1].push(times[1]);
            }
        }
    }
    let now = std::time::SystemTime::now().into();
    let mut batches = Vec::new();
    for _ in 0..9 {
        let (time, deleted) = timed(|| store.delete_expired(conn, now, 100).expect("a database"));
        assert_eq!(deleted, 100);
        batches.push(time);
    }
    println!(
        "\n{engine}, {size} sessions: find {} (by hand {}), delete_expired of 100 {} (medians)",
        short(median(&find[1])),
        short(median(&find[0])),
        short(median(&batches)),
    );
}
