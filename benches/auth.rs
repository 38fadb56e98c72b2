mod comparison;
mod measure;
use comparison::{Comparison, timed};
use covara_diesel::auth::*;
use covara_diesel::{auto_migrate, pool};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

#[derive(Serialize, Deserialize, Clone)]
#[serde(rename_all = "camelCase")]
struct Activity {
    last_active_at: i64,
    ip_address: String,
    user_agent: String,
}

fn main() {
    let db = support::sqlite::TestDb::new();
    let pool = pool::sqlite(db.url()).unwrap();
    let conn = &mut *pool.get().unwrap();
    auto_migrate(conn).unwrap();
    let store = SessionStore::new().typed::<Activity>();
    let vstore = SessionStore::new();
    let hand = rusqlite::Connection::open(db.url()).unwrap();
    hand.execute_batch("PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON")
        .unwrap();
    let data = Activity {
        last_active_at: 1767323045001,
        ip_address: "203.0.113.7".into(),
        user_agent: "interop/1.0".into(),
    };
    let json = serde_json::to_string(&data).unwrap();
    const N: usize = 10_000;
    let mut ids = vec![];
    let mut c = Comparison::new("create", &["by hand", "ours"]);
    for r in 0..5 {
        let (t, _) = timed(|| {
            for n in 0..2000 {
                let mut s = hand.prepare_cached("INSERT INTO auth_sessions (id, \"userId\", \"createdAt\", \"expiresAt\", data) VALUES (?,?,?,?,?)").unwrap();
                let id = format!("hand-abcdefghijklmnopq-{r}-{n:05}");
                s.execute((&id, "user-1", 1700000000i64, 2700000000i64, &json))
                    .unwrap();
            }
        });
        c.add(0, t);
        let (t, _) = timed(|| {
            for _ in 0..2000 {
                ids.push(
                    store
                        .create(conn, NewSession::new("user-1").data(data.clone()))
                        .unwrap()
                        .id,
                );
            }
        });
        c.add(1, t);
    }
    c.print();
    let mut c = Comparison::new("find", &["by hand", "typed", "value"]);
    for _ in 0..9 {
        let (t, _) = timed(|| {
            for n in 0..N {
                let mut s = hand.prepare_cached("SELECT \"userId\", \"createdAt\", \"expiresAt\", data FROM auth_sessions WHERE id = ? AND \"expiresAt\" > ?").unwrap();
                let now = std::time::SystemTime::now()
                    .duration_since(std::time::UNIX_EPOCH)
                    .unwrap()
                    .as_secs() as i64;
                let x: (String, i64, i64, Option<String>) = s
                    .query_row((ids[n].expose(), now), |r| {
                        Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?))
                    })
                    .unwrap();
                std::hint::black_box(x);
            }
        });
        c.add(0, t);
        let (t, _) = timed(|| {
            for n in 0..N {
                std::hint::black_box(store.find(conn, &ids[n]).unwrap().unwrap());
            }
        });
        c.add(1, t);
        let (t, _) = timed(|| {
            for n in 0..N {
                std::hint::black_box(vstore.find(conn, &ids[n]).unwrap().unwrap());
            }
        });
        c.add(2, t);
    }
    c.print();
}
