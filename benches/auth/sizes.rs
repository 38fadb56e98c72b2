//! Whether many sessions slow anything down.

use std::hint::black_box;

use covara_diesel::DatabaseConnection;
use covara_diesel::auth::{SessionId, SessionIds, SessionStore};
use diesel::connection::SimpleConnection;

use crate::by_hand::ByHand;
use crate::comparison::timed;
use crate::measure::{median, short};

/// Puts `size` sessions into a new database, a tenth of them over; indexes come after, and
/// the connection is not one to measure with.
pub fn fill_sqlite(conn: &mut impl SimpleConnection, size: u64) {
    let indexes =
        include_str!("../../migrations/sqlite/2026-11-22-000001_create_auth_sessions/up.sql");
    let fill = format!(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -4000000;
         DROP INDEX auth_session_userId_idx; DROP INDEX auth_session_expiresAt_idx;
         WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers
                                        WHERE n < {size})
         INSERT INTO auth_sessions
         SELECT lower(hex(randomblob(16))), 'user-' || n, 1500000000 + n,
                CASE n % 10 WHEN 0 THEN 1600000000 + n ELSE 4000000000 + n END,
                '{{\"lastActiveAt\":1767323045001,\"ipAddress\":\"203.0.113.7\"}}'
         FROM numbers;
         {indexes};
         ANALYZE"
    );
    conn.batch_execute(&fill).expect("room for them");
}

#[cfg(feature = "postgres")]
pub fn fill_postgres(conn: &mut impl SimpleConnection, size: u64) {
    let indexes =
        include_str!("../../migrations/postgres/2026-11-22-000001_create_auth_sessions/up.sql");
    let fill = format!(
        "SET client_min_messages = warning; SET maintenance_work_mem = '1GB';
         DROP INDEX auth_session_userId_idx, auth_session_expiresAt_idx;
         ALTER TABLE auth_sessions DROP CONSTRAINT auth_sessions_pkey;
         INSERT INTO auth_sessions
         SELECT md5(n::text), 'user-' || n, to_timestamp(1500000000 + n) AT TIME ZONE 'UTC',
                to_timestamp((CASE n % 10 WHEN 0 THEN 1600000000 ELSE 4000000000 END) + n)
                    AT TIME ZONE 'UTC',
                '{{\"lastActiveAt\":1767323045001,\"ipAddress\":\"203.0.113.7\"}}'
         FROM generate_series(1, {size}::bigint) AS n;
         ALTER TABLE auth_sessions ADD PRIMARY KEY (id);
         {indexes}"
    );
    conn.batch_execute(&fill).expect("room for them");
    for after in ["VACUUM ANALYZE auth_sessions", "CHECKPOINT"] {
        conn.batch_execute(after)
            .expect("the test server's administrator");
    }
}

/// One call after another on a table of `size` sessions.
pub fn measure<C: DatabaseConnection>(
    engine: &str,
    size: u64,
    conn: &mut C,
    hand: &mut impl ByHand,
) {
    // As the rows were filled in, so that a listing gives what can be found.
    let store = SessionStore::new().ids(SessionIds::Plain);
    let step = size / 1_000;
    let ids: Vec<SessionId> = (0..1_000)
        .filter_map(|n| {
            let user = format!("user-{}", n * step + 1);
            let mut rows = store.list_for_user(conn, user).expect("a database");
            rows.pop()?.ok().map(|session| session.id)
        })
        .collect();
    assert!(ids.len() >= 900, "a tenth at most is over");
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
