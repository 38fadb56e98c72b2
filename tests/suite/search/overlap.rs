//! Writers whose transactions overlap, and searchers beside them, some of which are killed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use covara_diesel::search::{Followed, SearchAdapter, SearchQuery};
use covara_diesel::{BackendConnection, Dialect, Seed, Seedable};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::Error;
use support::workers;

use super::follow::{CREATE, Post, found, posts};
use super::model::{indexed, rows};
use crate::backend::{self, Conn, Fts, TestDb};

#[derive(Seedable, Insertable)]
#[diesel(table_name = posts)]
struct Seeded {
    id: i64,
    title: String,
    author: &'static str,
    published: bool,
}

/// Whether the engine has several writers at a time.
const WRITES_OVERLAP: bool = matches!(backend::DIALECT, Dialect::Postgres);
const ISOLATIONS: [&str; 3] = ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"];

fn isolate(conn: &mut Conn, n: usize) -> QueryResult<()> {
    if WRITES_OVERLAP {
        let level = ISOLATIONS[n % 3];
        conn.batch_execute(&format!("SET TRANSACTION ISOLATION LEVEL {level}"))?;
    }
    Ok(())
}

fn put(id: usize, title: &str) -> String {
    format!(
        "INSERT INTO posts (id, title, author, published) VALUES ({id}, '{title}', 'ada', true)
         ON CONFLICT (id) DO UPDATE SET title = excluded.title"
    )
}

/// Rows of its own and one that all write, with parts that are rolled back.
fn write(conn: &mut Conn, writer: usize, n: usize) -> QueryResult<()> {
    conn.transaction(|conn| {
        isolate(conn, n)?;
        for part in 0..=n % 3 {
            let id = if (n + part).is_multiple_of(7) {
                1
            } else {
                writer * 1_000 + (n + part) % 40
            };
            conn.batch_execute(&put(id, &format!("row w{writer} n{n} p{part}")))?;
            thread::sleep(Duration::from_micros(
                ((n * 37 + writer * 101) % 1_500) as u64,
            ));
        }
        let undone: QueryResult<()> = conn.transaction(|conn| {
            conn.batch_execute(&put(writer * 1_000 + n % 40, "row ghost"))?;
            Err(Error::RollbackTransaction)
        });
        if undone != Err(Error::RollbackTransaction) {
            return undone;
        }
        if n % 5 == 4 {
            conn.batch_execute(&put(writer * 1_000 + 100 + n, "row ghost"))?;
            return Err(Error::RollbackTransaction);
        }
        if n % 11 == 10 {
            let id = writer * 1_000 + n % 40;
            conn.batch_execute(&format!("DELETE FROM posts WHERE id = {id}"))?;
        }
        Ok(())
    })
}

/// Alone, and in a transaction, at each isolation level.
fn search(conn: &mut Conn, n: usize) {
    let query = SearchQuery::new("w1").size(3);
    if n.is_multiple_of(4) {
        let searched = conn.transaction(|conn| {
            isolate(conn, n / 4)?;
            Fts.search(conn, "posts", &query)
                .map(drop)
                .map_err(|_| Error::RollbackTransaction)
        });
        // Only a stricter isolation may refuse what others have changed.
        assert!(
            searched.is_ok() || WRITES_OVERLAP && (n / 4) % 3 == 2,
            "{searched:?}"
        );
    } else {
        Fts.search(conn, "posts", &query).unwrap();
    }
}

#[test]
fn exactly_what_commits_beside_searchers_is_found() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(CREATE).unwrap();
    assert_eq!(Fts.follow::<_, Post>(&mut conn).unwrap(), Followed::Created);
    let far = !WRITES_OVERLAP && conn.is_remote();
    let (writers, times) = if far { (2, 12) } else { (8, 60) };
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let done = &done;
        let writing: Vec<_> = (1..=writers)
            .map(|writer| {
                let url = db.url();
                scope.spawn(move || {
                    let pool = backend::pool_of_one(&url);
                    let mut conn = pool.get().unwrap();
                    // One that is refused has not committed.
                    let written = (0..times).filter(|n| write(&mut conn, writer, *n).is_ok());
                    assert!(written.count() > times / 4);
                })
            })
            .collect();
        let url = db.url();
        let seeding = scope.spawn(move || {
            let pool = backend::pool_of_one(&url);
            for part in 0..3 {
                let rows = (0..400).map(|n| Seeded {
                    id: 100_000 + part * 1_000 + n,
                    title: format!("row seeded {n}"),
                    author: "grace",
                    published: true,
                });
                Seed::new()
                    .rows(rows)
                    .run(&mut *pool.get().unwrap())
                    .unwrap();
            }
        });
        for searcher in 0..3 {
            let url = db.url();
            scope.spawn(move || {
                let pool = backend::pool_of_one(&url);
                let mut conn = pool.get().unwrap();
                for n in searcher.. {
                    search(&mut conn, n);
                    if done.load(Ordering::Relaxed) {
                        break;
                    }
                }
            });
        }
        let url = db.url();
        scope.spawn(move || {
            for kill in 0..20 {
                let time = Duration::from_millis(5 + 3 * kill);
                let worker = env!("CARGO_BIN_EXE_worker");
                workers::kill_after(worker, &url, "search-posts-pooled", time);
                if done.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        let failed = writing.into_iter().map(|writer| writer.join().is_err());
        let failed = failed.fold(seeding.join().is_err(), |failed, now| failed | now);
        done.store(true, Ordering::Relaxed);
        assert!(!failed, "a writer failed");
    });
    backend::wait_until_alone(&mut conn);
    Fts.refresh(&mut conn, "posts").unwrap();
    assert_eq!(indexed(&mut conn), rows(&mut conn));
    assert!(rows(&mut conn).len() >= 1_200);
    assert_eq!(found(&mut conn, "ghost"), [""; 0]);
}
