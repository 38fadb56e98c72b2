//! Random changes of a followed table, by two connections, compared with the table.

use std::collections::BTreeMap;

use covara_diesel::search::{Followed, SearchAdapter, SearchQuery};
use covara_diesel::{DatabaseConnection, auto_migrate};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::Error;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::engine::names;
use super::follow::{CREATE, Post};
use crate::backend::{self, Conn, Fts, TestDb};

/// What one step does, with connection and key.
#[derive(Debug, Clone)]
enum Step {
    Put(usize, i64),
    PutMany(usize, i64),
    Move(usize, i64, i64),
    Delete(usize, i64),
    DeleteMany(usize, i64),
    /// Writes that are rolled back, all or down to a savepoint.
    RollBack(usize, i64, bool),
    Search(usize),
    Refresh(usize),
    /// Alterations after which the table is followed again, as after the boot of a process.
    Rebuild(usize, i64),
    Recreate(usize),
    Replace(usize),
    AddColumn(usize),
    Rebuilt(usize),
    /// A process ends, and another begins.
    Restart(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let conn = || 0..2_usize;
    let key = || 0..12_i64;
    let step = prop_oneof![
        8 => (conn(), key()).prop_map(|(c, k)| Step::Put(c, k)),
        2 => (conn(), key()).prop_map(|(c, k)| Step::PutMany(c, k)),
        3 => (conn(), key(), key()).prop_map(|(c, k, to)| Step::Move(c, k, to)),
        4 => (conn(), key()).prop_map(|(c, k)| Step::Delete(c, k)),
        1 => (conn(), key()).prop_map(|(c, k)| Step::DeleteMany(c, k)),
        4 => (conn(), key(), any::<bool>()).prop_map(|(c, k, all)| Step::RollBack(c, k, all)),
        4 => conn().prop_map(Step::Search),
        1 => conn().prop_map(Step::Refresh),
        1 => (conn(), key()).prop_map(|(c, k)| Step::Rebuild(c, k)),
        1 => conn().prop_map(Step::Recreate),
        1 => conn().prop_map(Step::Replace),
        1 => conn().prop_map(Step::AddColumn),
        1 => conn().prop_map(Step::Rebuilt),
        1 => conn().prop_map(Step::Restart),
    ];
    prop::collection::vec(step, 1..30)
}

/// What the rows of the table say.
pub(super) fn rows(conn: &mut Conn) -> BTreeMap<String, String> {
    let sql = "SELECT CAST(id AS TEXT) || ' ' || title AS name FROM posts";
    let rows = names(conn, sql).into_iter();
    rows.map(|row| {
        let (id, title) = row.split_once(' ').unwrap();
        (id.to_owned(), title.to_owned())
    })
    .collect()
}

/// What a search finds.
pub(super) fn indexed(conn: &mut Conn) -> BTreeMap<String, String> {
    let query = SearchQuery::new("row").size(10_000);
    let found = Fts.search(conn, "posts", &query).unwrap();
    let hits = found.hits.into_iter();
    hits.map(|hit| {
        let title = hit.source["title"].as_str().unwrap().to_owned();
        (hit.id, title)
    })
    .collect()
}

struct Model {
    db: TestDb,
    conns: [Conn; 2],
    /// Makes each text another.
    version: usize,
    columns: usize,
}

impl Model {
    fn new() -> Self {
        let db = TestDb::new();
        let mut conns = [db.connect(), db.connect()];
        conns[0].batch_execute(CREATE).unwrap();
        let mut model = Self {
            db,
            conns,
            version: 0,
            columns: 0,
        };
        model.follow(0);
        model
    }

    fn follow(&mut self, conn: usize) -> Followed {
        Fts.follow::<_, Post>(&mut self.conns[conn]).unwrap()
    }

    fn put(&mut self, key: i64) -> String {
        self.version += 1;
        let version = self.version;
        format!(
            "INSERT INTO posts (id, title, author, published)
             VALUES ({key}, 'row v{version}', 'ada', true)
             ON CONFLICT (id) DO UPDATE SET title = excluded.title;"
        )
    }

    fn create(&self, name: &str) -> String {
        let extra: String = (0..self.columns)
            .map(|n| format!(", extra{n} TEXT"))
            .collect();
        let create = CREATE.replace("TABLE posts", &format!("TABLE {name}"));
        let create = create.trim_end().trim_end_matches(')');
        format!("{create}{extra});")
    }

    fn run(&mut self, conn: usize, sql: &str) {
        self.conns[conn].batch_execute(sql).expect(sql);
    }

    /// Alters the table, and follows it again.
    fn alter(&mut self, conn: usize, sql: &str) {
        self.run(conn, sql);
        let followed = self.follow(conn);
        assert!(followed.cause().is_some(), "{followed:?} after {sql}");
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Put(conn, key) => {
                let sql = self.put(key);
                self.run(conn, &sql);
            }
            Step::PutMany(conn, key) => {
                let sql: String = (key..key + 5).map(|key| self.put(key)).collect();
                self.run(conn, &sql);
            }
            Step::Move(conn, key, to) => self.run(
                conn,
                &format!(
                    "UPDATE posts SET id = {to} WHERE id = {key}
                         AND NOT EXISTS (SELECT 1 FROM posts WHERE id = {to})"
                ),
            ),
            Step::Delete(conn, key) => {
                self.run(conn, &format!("DELETE FROM posts WHERE id = {key}"));
            }
            Step::DeleteMany(conn, key) => {
                self.run(conn, &format!("DELETE FROM posts WHERE id > {key}"));
            }
            Step::RollBack(conn, key, all) => self.roll_back(conn, key, all),
            Step::Search(conn) => {
                indexed(&mut self.conns[conn]);
            }
            Step::Refresh(conn) => {
                Fts.refresh(&mut self.conns[conn], "posts").unwrap();
            }
            Step::Rebuild(conn, key) => {
                let create = self.create("new_posts");
                self.alter(
                    conn,
                    &format!(
                        "{create} INSERT INTO new_posts SELECT * FROM posts WHERE id <> {key};
                         DROP TABLE posts; ALTER TABLE new_posts RENAME TO posts;"
                    ),
                );
            }
            Step::Recreate(conn) => {
                let (create, put) = (self.create("posts"), self.put(3));
                self.alter(conn, &format!("DROP TABLE posts; {create} {put}"));
            }
            Step::Replace(conn) => {
                let create = self.create("posts");
                self.alter(
                    conn,
                    &format!(
                        "DROP TABLE IF EXISTS old_posts; ALTER TABLE posts RENAME TO old_posts;
                         {create} INSERT INTO posts SELECT * FROM old_posts WHERE id > 4;"
                    ),
                );
            }
            Step::AddColumn(conn) => {
                let sql = format!("ALTER TABLE posts ADD COLUMN extra{} TEXT", self.columns);
                self.columns += 1;
                self.run(conn, &sql);
                assert_eq!(self.follow(conn), Followed::Unchanged);
            }
            Step::Rebuilt(conn) => {
                Fts.rebuild(&mut self.conns[conn], "posts").unwrap();
            }
            Step::Restart(conn) => {
                self.conns[conn] = self.db.connect();
                auto_migrate(&mut self.conns[conn]).unwrap();
                assert_eq!(self.follow(conn), Followed::Unchanged);
            }
        }
    }

    /// With searches in the transaction, which see what it wrote.
    fn roll_back(&mut self, conn: usize, key: i64, all: bool) {
        if !self.conns[conn].has_transactions() {
            return;
        }
        let (kept, undone) = (self.put(key), self.put(key));
        let delete = format!("DELETE FROM posts WHERE id = {}", key + 1);
        let outcome = self.conns[conn].transaction(|conn| {
            conn.batch_execute(&kept)?;
            let inner: QueryResult<()> = conn.transaction(|conn| {
                conn.batch_execute(&undone)?;
                conn.batch_execute(&delete)?;
                assert_eq!(indexed(conn), rows(conn));
                Err(Error::RollbackTransaction)
            });
            assert_eq!(inner, Err(Error::RollbackTransaction));
            assert_eq!(indexed(conn), rows(conn));
            if all {
                return Err(Error::RollbackTransaction);
            }
            Ok(())
        });
        assert_eq!(outcome.is_err(), all);
    }

    /// Both find the same, which is what there is.
    fn check(&mut self) {
        let rows = rows(&mut self.conns[0]);
        for conn in &mut self.conns {
            assert_eq!(indexed(conn), rows);
        }
    }
}

#[test]
fn the_index_equals_the_table_after_any_changes() {
    // Remote ones take many requests a step.
    let cases = u32::try_from(backend::RANDOM_QUERIES / 1_000).unwrap();
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let run = TestRunner::new(config).run(&steps(), |steps| {
        let mut model = Model::new();
        for step in &steps {
            model.step(step);
            model.check();
        }
        Ok(())
    });
    if let Err(failure) = run {
        panic!("{failure}");
    }
}
