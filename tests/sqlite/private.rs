//! Databases that only one connection can have, in every form that SQLite documents:
//! <https://sqlite.org/inmemorydb.html>, <https://sqlite.org/uri.html>.

use std::time::Duration;

use covara_diesel::pool::{self, PoolDriver, recommended_pool_config};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, Pool};

const PRIVATE: [&str; 26] = [
    "",
    ":memory:",
    "sqlite:",
    "sqlite://",
    "sqlite::memory:",
    "sqlite:?mode=memory",
    "file:",
    "file:#fragment",
    "file://",
    "file://localhost",
    "file:?cache=shared",
    "file:?cache=private",
    "file:?mode=rwc",
    "file:%00rest",
    "file::memory:",
    "file::memory:?cache=shared",
    "file::memory:#fragment",
    "file:%3amemory%3A",
    "file:named?mode=memory",
    "file:named?mode=memory&cache=shared",
    "file:named?mode=%6demory",
    "file:named?%6dode=memory",
    "file:named?mode=rwc&mode=memory",
    "file:named?vfs=memdb",
    "file:/named?vfs=memdb",
    "file:named?vfs=%6demdb&cache=shared",
];

fn open(url: &str) -> Pool<ConnectionManager<SqliteConnection>> {
    let mut config = recommended_pool_config(PoolDriver::Sqlite);
    config.max_size = 4;
    config.idle_timeout = Some(Duration::from_millis(1));
    config.max_lifetime = Some(Duration::from_millis(1));
    pool::sqlite_with(url, &config).unwrap_or_else(|error| panic!("{url}: {error:?}"))
}

#[test]
fn a_private_database_is_a_pool_of_one_that_lives_as_long_as_the_pool() {
    for url in PRIVATE {
        let pool = open(url);
        assert_eq!((pool.max_size(), pool.min_idle()), (1, Some(1)), "{url}");
        // r2d2 would end the only connection at its next round, every 30 s.
        assert_eq!(
            (pool.idle_timeout(), pool.max_lifetime()),
            (None, None),
            "{url}"
        );
        let create = "CREATE TABLE t (id INTEGER)";
        pool.get().unwrap().batch_execute(create).unwrap();
        pool.get()
            .unwrap()
            .batch_execute("SELECT id FROM t")
            .unwrap();
    }
}

/// What looks like one and is a file has a whole pool, and all connections see one database.
#[test]
fn a_file_is_shared_by_all_connections() {
    let directory = support::temporary::tempdir().unwrap();
    let path = directory.path().display();
    for url in [
        format!("{path}/:memory:"),
        format!("file:{path}/:memory:"),
        format!("file:{path}/:memory:x"),
        format!("file://localhost{path}/a.db"),
        format!("file:{path}/b.db?mode=memory&mode=rwc"),
        format!("file:{path}/c.db?vfs=memdb&vfs=unix"),
        format!("file:{path}/d.db?cache=shared"),
        format!("file:{path}/e.db?xmode=memory#?mode=memory"),
        format!("file:{path}/f.db?immutable=0"),
        format!("{path}/g.db?mode=memory"),
        format!("file:{path}/mode=memory"),
    ] {
        let pool = open(&url);
        assert_eq!(pool.max_size(), 4, "{url}");
        let mut held: Vec<_> = (0..4).map(|_| pool.get().unwrap()).collect();
        held[0]
            .batch_execute("CREATE TABLE IF NOT EXISTS t (id INTEGER)")
            .unwrap();
        for conn in &mut held {
            conn.batch_execute("SELECT id FROM t").unwrap();
        }
    }
}
