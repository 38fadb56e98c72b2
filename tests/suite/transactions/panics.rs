//! A panic in a caller's values, iterators and closures, which the caller catches.

use std::panic::{AssertUnwindSafe, catch_unwind};

use covara_diesel::search::{Field, IndexDefinition, SearchAdapter};
use covara_diesel::{DatabaseConnection, Dialect, Seed, Seedable};
use diesel::backend::Backend;
use diesel::connection::{Connection, SimpleConnection, TransactionManager};
use diesel::deserialize::FromSqlRow;
use diesel::expression::AsExpression;
use diesel::prelude::*;
use diesel::query_builder::QueryFragment;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::Text;
use serde_json::json;
use support::numbers::{self as rows, numbers};

use super::super::count;
use crate::backend::{self, Conn, Fts, TestDb};

/// A text whose own code panics where it says so.
#[derive(Debug, Clone, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
struct Label(String);

impl<DB: Backend> ToSql<Text, DB> for Label
where
    String: ToSql<Text, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        assert!(self.0 != "panic", "a panic of the test's own");
        self.0.to_sql(out)
    }
}

#[derive(Debug, Clone, Seedable)]
#[diesel(table_name = numbers)]
struct Labelled {
    id: i64,
    label: Label,
}

fn labelled(count: i64, panics_at: i64) -> Vec<Labelled> {
    (101..=100 + count)
        .map(|id| Labelled {
            id,
            label: Label(if id == 100 + panics_at {
                "panic".to_owned()
            } else {
                format!("number {id}")
            }),
        })
        .collect()
}

pub(super) fn depth<C: Connection>(conn: &mut C) -> u32 {
    let status = C::TransactionManager::transaction_manager_status_mut(conn);
    let depth = status.transaction_depth().expect("a manager that works");
    depth.map_or(0, std::num::NonZero::get)
}

pub(super) fn panics(conn: &mut Conn, work: impl FnOnce(&mut Conn)) {
    catch_unwind(AssertUnwindSafe(|| work(conn))).expect_err("a panic");
}

/// Statements that prepare the table, one for each way in which a seed writes rows.
fn preparations() -> Vec<&'static str> {
    let way = match backend::DIALECT {
        Dialect::Sqlite => {
            "CREATE TRIGGER none AFTER INSERT ON numbers BEGIN
                 UPDATE numbers SET half = NULL WHERE id = 0; END"
        }
        // Neither COPY nor a stage.
        Dialect::Postgres => "CREATE RULE none AS ON DELETE TO numbers DO ALSO NOTHING",
    };
    vec!["", "INSERT INTO numbers VALUES (1, 'one', NULL)", way]
}

/// The code that panics, and a seed that runs it.
type PanickingSeed = (&'static str, fn(&mut Conn));

fn seeds() -> Vec<PanickingSeed> {
    vec![
        ("a value", |conn| {
            let rows = labelled(40, 30);
            let _ = Seed::new().table(&rows).run(conn);
        }),
        ("a value of a full chunk", |conn| {
            let chunk = std::num::NonZeroUsize::new(4).unwrap();
            let rows = labelled(40, 30);
            let _ = Seed::new().chunk_rows(chunk).table(&rows).run(conn);
        }),
        ("an iterator", |conn| {
            let chunk = std::num::NonZeroUsize::new(4).unwrap();
            let rows = labelled(40, 0).into_iter().inspect(|row| {
                assert!(row.id != 130, "a panic of the test's own");
            });
            let _ = Seed::new().chunk_rows(chunk).rows(rows).run(conn);
        }),
        ("the progress", |conn| {
            let chunk = std::num::NonZeroUsize::new(4).unwrap();
            let rows = labelled(40, 0);
            let _ = Seed::new()
                .chunk_rows(chunk)
                .table(&rows)
                .progress(|progress| assert!(progress.rows < 20, "a panic of the test's own"))
                .run(conn);
        }),
    ]
}

#[test]
fn a_panic_in_a_seed_keeps_nothing_and_leaves_the_connection_as_it_was() {
    for prepare in preparations() {
        for (what, seed) in seeds() {
            let db = TestDb::new();
            let mut conn = db.connect();
            conn.batch_execute(rows::CREATE).unwrap();
            if !prepare.is_empty() {
                conn.batch_execute(prepare).unwrap();
            }
            let before = count(&mut conn, "numbers");
            panics(&mut conn, seed);
            assert_eq!(depth(&mut conn), 0, "{what}, {prepare}");
            assert_eq!(count(&mut conn, "numbers"), before, "{what}, {prepare}");
            conn.batch_execute("INSERT INTO numbers VALUES (7, 'seven', NULL)")
                .unwrap();
            let seen = count(&mut db.connect(), "numbers");
            assert_eq!(seen, before + 1, "{what}, {prepare}");
        }
    }
}

#[test]
fn in_the_callers_transaction_a_panic_undoes_only_the_seed() {
    for prepare in preparations() {
        for (what, seed) in seeds() {
            let db = TestDb::new();
            let mut conn = db.connect();
            conn.batch_execute(rows::CREATE).unwrap();
            if !prepare.is_empty() {
                conn.batch_execute(prepare).unwrap();
            }
            let before = count(&mut conn, "numbers");
            conn.transaction(|conn| {
                conn.batch_execute("INSERT INTO numbers VALUES (7, 'seven', NULL)")?;
                panics(conn, seed);
                assert_eq!(depth(conn), 1, "{what}, {prepare}");
                conn.batch_execute("INSERT INTO numbers VALUES (8, 'eight', NULL)")
            })
            .unwrap();
            assert_eq!(depth(&mut conn), 0);
            let seen = count(&mut db.connect(), "numbers");
            assert_eq!(seen, before + 2, "{what}, {prepare}");
        }
    }
}

#[test]
fn a_panic_in_the_documents_of_an_index_keeps_none_of_them() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let definition = IndexDefinition::new().field("title", Field::text());
    Fts.create_index(&mut conn, "docs", &definition).unwrap();
    let documents = || {
        (0..3_000).map(|n| {
            assert!(n != 2_500, "a panic of the test's own");
            (n.to_string(), json!({"title": "word"}))
        })
    };
    panics(&mut conn, |conn| {
        let _ = Fts.index_many(conn, "docs", documents());
    });
    assert_eq!(depth(&mut conn), 0);
    conn.transaction(|conn| {
        panics(conn, |conn| {
            let _ = Fts.index_many(conn, "docs", documents());
        });
        assert_eq!(depth(conn), 1);
        Fts.index(conn, "docs", "kept", &json!({"title": "word"}))
            .unwrap();
        QueryResult::Ok(())
    })
    .unwrap();
    assert_eq!(count(&mut db.connect(), "__covara_search_1"), 1);
}

#[test]
fn a_panic_of_a_statement_among_several_undoes_the_others() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(rows::CREATE).unwrap();
    let work = |conn: &mut Conn| {
        let first = diesel::sql_query("INSERT INTO numbers VALUES (1, 'one', NULL)");
        let second = diesel::update(numbers::table).set(numbers::label.eq(Label("panic".into())));
        let statements: [&dyn QueryFragment<<Conn as Connection>::Backend>; 2] = [&first, &second];
        let _ = conn.execute_atomically(&statements);
    };
    panics(&mut conn, work);
    assert_eq!((depth(&mut conn), count(&mut conn, "numbers")), (0, 0));
    conn.transaction(|conn| {
        panics(conn, work);
        assert_eq!(depth(conn), 1);
        QueryResult::Ok(())
    })
    .unwrap();
    assert_eq!((depth(&mut conn), count(&mut conn, "numbers")), (0, 0));
}
