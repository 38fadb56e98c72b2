//! What a peer does when told: a line `create 100` on standard input makes a hundred sessions,
//! one call after another, and the answer is a line with the nanoseconds it took.

use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::time::{Duration, Instant};

use serde_json::json;
use time::OffsetDateTime;
use tower_sessions_core::SessionStore;
use tower_sessions_core::session::{Id, Record};

pub async fn serve(store: impl SessionStore) {
    let mut sessions: Vec<Record> = Vec::new();
    let mut found = 0;
    let mut saved = 0;
    let mut deleted = 0;
    let mut answers = std::io::stdout().lock();
    writeln!(answers, "ready").expect("somebody listens");
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("text");
        let (what, count) = line.split_once(' ').expect("a word and a number");
        let count: usize = count.parse().expect("a number");
        let time = match what {
            "create" => {
                let mut new: Vec<Record> = (0..count).map(|_| record()).collect();
                let start = Instant::now();
                for record in &mut new {
                    store.create(record).await.expect("a new session");
                }
                let time = start.elapsed();
                sessions.extend(new);
                time
            }
            "find" => {
                let start = Instant::now();
                for session in take(&sessions, &mut found, count) {
                    let record = store.load(&session.id).await.expect("a database");
                    std::hint::black_box(record.expect("a live session"));
                }
                start.elapsed()
            }
            "save" => {
                let start = Instant::now();
                for session in take(&sessions, &mut saved, count) {
                    store.save(session).await.expect("a database");
                }
                start.elapsed()
            }
            "delete" => {
                let start = Instant::now();
                let ended = take(&sessions, &mut deleted, count);
                for session in ended {
                    store.delete(&session.id).await.expect("a database");
                }
                let time = start.elapsed();
                for session in ended {
                    let left = store.load(&session.id).await.expect("a database");
                    assert!(left.is_none());
                }
                time
            }
            other => panic!("what is {other}?"),
        };
        writeln!(answers, "{}", time.as_nanos()).expect("somebody listens");
    }
}

fn take<'s>(sessions: &'s [Record], from: &mut usize, count: usize) -> &'s [Record] {
    let start = *from;
    *from += count;
    &sessions[start..*from]
}

/// What Covara keeps in a session, as the other contestants have it.
fn record() -> Record {
    Record {
        id: Id::default(),
        data: HashMap::from([
            ("userId".to_owned(), json!("user-1")),
            ("lastActiveAt".to_owned(), json!(1_767_323_045_001_u64)),
            ("ipAddress".to_owned(), json!("203.0.113.7")),
            (
                "userAgent".to_owned(),
                json!("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101"),
            ),
        ]),
        expiry_date: OffsetDateTime::now_utc() + Duration::from_secs(7 * 24 * 3600),
    }
}
