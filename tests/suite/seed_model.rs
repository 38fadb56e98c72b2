//! What a seed leaves behind, for odd kinds of tables: what the same rows leave behind in a
//! twin of the table, inserted one at a time by plain `INSERT … ON CONFLICT DO NOTHING`.
//! The database itself is the model, so any definition can be tried.

use std::cell::Cell;
use std::fmt;
use std::num::NonZeroUsize;

use covara_diesel::{Seed, SeedError, Seedable};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use support::thorough;

use crate::backend::{self, Conn, TestDb};

diesel::table! {
    things (id) {
        id -> BigInt,
        code -> Nullable<Text>,
        part -> Nullable<BigInt>,
    }
}

#[derive(Clone, Seedable)]
#[diesel(table_name = things)]
struct Thing {
    id: i64,
    code: Option<String>,
    part: Option<i64>,
}

/// Short, as many are printed when a test fails.
impl fmt::Debug for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({}, {:?}, {:?})", self.id, self.code, self.part)
    }
}

/// Tests with their tables; `{t}` in the SQL is the name of the table.
macro_rules! kinds {
    ($($name:ident: $sql:expr,)+) => {
        $(
            #[test]
            fn $name() {
                $crate::suite::seed_model::Kind::new($sql).check();
            }
        )+
    };
}
pub(crate) use kinds;

kinds! {
    no_unique_index: "CREATE TABLE {t} (id BIGINT, code TEXT, part BIGINT)",
    several_unique_indexes:
        "CREATE TABLE {t} (id BIGINT PRIMARY KEY NOT NULL, code TEXT UNIQUE, part BIGINT UNIQUE)",
    unique_pairs_with_nulls:
        "CREATE TABLE {t} (id BIGINT, code TEXT, part BIGINT, UNIQUE (id, code), UNIQUE (code, part))",
    partial_unique_indexes:
        "CREATE TABLE {t} (id BIGINT, code TEXT, part BIGINT);
         CREATE UNIQUE INDEX {t}_a ON {t} (code) WHERE part > 60;
         CREATE UNIQUE INDEX {t}_b ON {t} (part) WHERE code IS NULL",
    expression_unique_indexes:
        "CREATE TABLE {t} (id BIGINT PRIMARY KEY NOT NULL, code TEXT, part BIGINT);
         CREATE UNIQUE INDEX {t}_a ON {t} (lower(code));
         CREATE UNIQUE INDEX {t}_b ON {t} (abs(part - 60), (id % 4))",
    stored_generated_columns:
        "CREATE TABLE {t} (id BIGINT PRIMARY KEY NOT NULL, code TEXT, part BIGINT,
             low TEXT GENERATED ALWAYS AS (lower(code)) STORED UNIQUE,
             sum BIGINT GENERATED ALWAYS AS (id + part) STORED UNIQUE)",
    not_null: "CREATE TABLE {t} (id BIGINT PRIMARY KEY NOT NULL, code TEXT UNIQUE, part BIGINT NOT NULL)",
    a_check:
        "CREATE TABLE {t} (id BIGINT CHECK (id <> 150), code TEXT UNIQUE, part BIGINT UNIQUE)",
    a_foreign_key:
        "CREATE TABLE {t}_parents (id BIGINT PRIMARY KEY NOT NULL);
         INSERT INTO {t}_parents WITH RECURSIVE n (i) AS
             (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 119) SELECT i FROM n WHERE i <> 60;
         CREATE TABLE {t} (id BIGINT UNIQUE, code TEXT UNIQUE,
                           part BIGINT REFERENCES {t}_parents (id))",
    a_deferred_foreign_key:
        "CREATE TABLE {t}_parents (id BIGINT PRIMARY KEY NOT NULL);
         INSERT INTO {t}_parents WITH RECURSIVE n (i) AS
             (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 119) SELECT i FROM n WHERE i <> 60;
         CREATE TABLE {t} (id BIGINT UNIQUE, code TEXT UNIQUE,
                           part BIGINT REFERENCES {t}_parents (id) DEFERRABLE INITIALLY DEFERRED)",
}

/// A kind of table.
pub(crate) struct Kind<'a> {
    /// Makes it; `{t}` is the name of the table, and `{t}_log`, if there is one, is compared
    /// too.
    pub(crate) sql: &'a str,
    /// Makes the twin another way; then the seed may also refuse everything.
    pub(crate) twin: Option<&'a str>,
    /// Run on the connection before anything is given.
    pub(crate) session: Option<&'a str>,
}

impl<'a> Kind<'a> {
    pub(crate) fn new(sql: &'a str) -> Self {
        Self {
            sql,
            twin: None,
            session: None,
        }
    }

    pub(crate) fn check(&self) {
        let db = TestDb::new();
        let default = Config::default();
        let config = Config {
            cases: match std::env::var_os("PROPTEST_CASES") {
                Some(_) => default.cases,
                None => thorough::times(8, 16),
            },
            failure_persistence: None,
            max_shrink_iters: 2_000,
            ..default
        };
        let result = TestRunner::new(config).run(&cases(), |case| self.check_one(&db, &case));
        if let Err(failure) = result {
            panic!("{failure}\n{}", self.sql);
        }
    }

    fn check_one(&self, db: &TestDb, case: &Case) -> Result<(), TestCaseError> {
        let mut conn = backend::emptied(db);
        let twin = self.twin.unwrap_or(self.sql);
        execute(&mut conn, &self.sql.replace("{t}", "things"))?;
        execute(&mut conn, &twin.replace("{t}", "twin"))?;
        for row in &case.present {
            // Some kinds refuse some rows.
            let _ = insert(&mut conn, "twin", row);
            if self.twin.is_none() {
                let _ = insert(&mut conn, "things", row);
            }
        }
        if self.twin.is_some() {
            execute(&mut conn, "INSERT INTO things SELECT * FROM twin")?;
        }
        // The other one's session may not see everything.
        let mut reader = db.connect();
        let mut before = contents(&mut reader, "things");
        prop_assert_eq!(&before, &contents(&mut reader, "twin"));
        if let Some(session) = self.session {
            execute(&mut conn, session)?;
        }

        // The second time most rows are there already.
        for _ in 0..2 {
            let expected = one_by_one(&mut conn, case);
            let outcome = seed(&mut conn, case);
            let after = contents(&mut reader, "things");
            if self.twin.is_some() && !matches!(outcome, Outcome::Inserted(_)) {
                prop_assert_eq!(after, before);
                break;
            }
            match (&outcome, &expected) {
                // The seed names the row that its transaction could not be committed with.
                (Outcome::RowRefused(row), Outcome::CommitRefused) => {
                    let part = case.given[row - 1].part;
                    prop_assert!(part.is_some_and(|part| part == 60 || part > 119));
                }
                _ => prop_assert_eq!(outcome, expected),
            }
            prop_assert_eq!(&after, &contents(&mut reader, "twin"));
            before = after;
        }
        Ok(())
    }
}

fn execute(conn: &mut Conn, sql: &str) -> Result<(), TestCaseError> {
    conn.batch_execute(sql)
        .map_err(|error| TestCaseError::fail(error.to_string()))
}

/// Rows, and how they are given to the seed.
#[derive(Debug)]
struct Case {
    present: Vec<Thing>,
    given: Vec<Thing>,
    /// Number of those from a slice; the others are streamed, as a second table of the seed.
    in_memory: usize,
    chunk_rows: Option<NonZeroUsize>,
}

fn cases() -> impl Strategy<Value = Case> {
    let rows = (things(60), things(250));
    // Small chunks take the same roads as large ones do with more rows.
    let chunk_rows = prop::option::of((1..40usize).prop_map(NonZeroUsize::new));
    (rows, any::<prop::sample::Selector>(), 0..4, chunk_rows).prop_map(
        |((present, given), split, mixture, chunk_rows)| Case {
            in_memory: match mixture {
                0 => 0,
                1 => split.select(0..=given.len()),
                _ => given.len(),
            },
            present,
            given,
            chunk_rows: chunk_rows.flatten(),
        },
    )
}

/// Few enough values for any two rows to meet in some column, by some way to compare texts.
fn things(most: usize) -> impl Strategy<Value = Vec<Thing>> {
    let code = (0..60, 0..5).prop_map(|(code, form)| match form {
        0 => format!("k{code}"),
        1 => format!("K{code}"),
        2 => format!("k{code} "),
        3 => format!("{code}"),
        _ => format!("0{code}"),
    });
    let thing = (
        0..300i64,
        prop::option::weighted(0.8, code),
        prop::option::weighted(0.8, 0..120i64),
    );
    let thing = thing.prop_map(|(id, code, part)| Thing { id, code, part });
    prop::collection::vec(thing, 0..most)
}

#[derive(Debug, PartialEq)]
enum Outcome {
    Inserted(usize),
    /// By its position among all that are given, from 1.
    RowRefused(usize),
    CommitRefused,
    Other(String),
}

fn one_by_one(conn: &mut Conn, case: &Case) -> Outcome {
    let mut refused = None;
    let inserted = conn.transaction(|conn| {
        let mut inserted = 0;
        for (row, position) in case.given.iter().zip(1..) {
            inserted += insert(conn, "twin", row).inspect_err(|_| refused = Some(position))?;
        }
        QueryResult::Ok(inserted)
    });
    match (inserted, refused) {
        (Ok(inserted), _) => Outcome::Inserted(inserted),
        (Err(_), Some(position)) => Outcome::RowRefused(position),
        (Err(_), None) => Outcome::CommitRefused,
    }
}

fn insert(conn: &mut Conn, table: &str, row: &Thing) -> QueryResult<usize> {
    let values = backend::THREE_VALUES;
    diesel::sql_query(format!(
        "INSERT INTO {table} (id, code, part) {values} ON CONFLICT DO NOTHING"
    ))
    .bind::<BigInt, _>(row.id)
    .bind::<Nullable<Text>, _>(&row.code)
    .bind::<Nullable<BigInt>, _>(row.part)
    .execute(conn)
}

fn seed(conn: &mut Conn, case: &Case) -> Outcome {
    let (in_memory, streamed) = case.given.split_at(case.in_memory);
    let done = Cell::new(0);
    let mut seed = Seed::new();
    if let Some(rows) = case.chunk_rows {
        seed = seed.chunk_rows(rows);
    }
    let streamed = streamed
        .iter()
        .cloned()
        .inspect(|_| done.set(in_memory.len()));
    let result = seed.table(in_memory).rows(streamed).run(conn);
    match result {
        Ok(summary) => {
            assert_eq!(summary.attempted(), case.given.len());
            assert_eq!(summary.inserted() + summary.skipped(), case.given.len());
            Outcome::Inserted(summary.inserted())
        }
        Err(SeedError::Row { row, .. }) => Outcome::RowRefused(done.get() + row),
        Err(SeedError::Database(_)) => Outcome::CommitRefused,
        Err(error) => Outcome::Other(format!("{error:?}")),
    }
}

/// The rows of the table and of its log, in the order of insertion.
fn contents(conn: &mut Conn, table: &str) -> [Vec<String>; 2] {
    let log = format!("{table}_log");
    let has_log = backend::tables(conn).contains(&log);
    [
        backend::rows_as_text(conn, table),
        if has_log {
            backend::rows_as_text(conn, &log)
        } else {
            Vec::new()
        },
    ]
}
