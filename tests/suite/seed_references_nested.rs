//! Rows that refer to later ones, seeded in a transaction of the caller's: it checks as before
//! when the seed is over.

use covara_diesel::Seed;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};

use super::count;
use super::seed_references::{Node, Other, chain, create_of_both_kinds, of_both_kinds, tables};
use crate::backend::Conn;

/// Returns whether a row that refers to nothing is refused at once.
fn checks_at_once(conn: &mut Conn) -> bool {
    let refused = |conn: &mut Conn, sql: &str| {
        let result = conn.transaction(|conn| {
            conn.batch_execute(sql)?;
            Err::<(), _>(Error::RollbackTransaction)
        });
        matches!(
            result,
            Err(Error::DatabaseError(
                DatabaseErrorKind::ForeignKeyViolation,
                _
            ))
        )
    };
    refused(conn, "INSERT INTO nodes (id, parent) VALUES (5000, 404404)")
        && refused(conn, "INSERT INTO nodes (id, other) VALUES (5001, 404404)")
        && refused(conn, "INSERT INTO others (id, node) VALUES (5002, 404404)")
}

fn reversed(count: i64) -> Vec<Node> {
    chain(count).into_iter().rev().collect()
}

#[test]
fn a_seed_in_a_transaction_leaves_its_checks_as_they_were() {
    let (_db, mut conn) = tables("DEFERRABLE INITIALLY IMMEDIATE");
    conn.transaction(|conn| {
        assert!(checks_at_once(conn));
        Seed::new().rows(reversed(300)).run(conn).unwrap();
        assert!(checks_at_once(conn));
        let nodes = [Node {
            id: 1_000,
            parent: Some(1_000),
            other: Some(1),
        }];
        let others = [Other {
            id: 1,
            node: Some(1_000),
        }];
        let seed = Seed::new().table(&nodes).table(&others);
        assert_eq!(seed.run(conn).unwrap().inserted(), 2);
        assert!(checks_at_once(conn));
        QueryResult::Ok(())
    })
    .unwrap();
    assert_eq!(count(&mut conn, "nodes"), 301);
    assert!(checks_at_once(&mut conn));
}

#[test]
fn a_seed_that_fails_in_a_transaction_leaves_its_checks_as_they_were() {
    let (_db, mut conn) = tables("DEFERRABLE INITIALLY IMMEDIATE");
    conn.transaction(|conn| {
        let mut rows = reversed(300);
        rows[150].parent = Some(404_404);
        Seed::new().rows(rows).run(conn).unwrap_err();
        assert!(checks_at_once(conn));
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let rows = reversed(300).into_iter();
            let _ = Seed::new()
                .rows(rows.inspect(|row| assert!(row.id > 10, "on purpose")))
                .run(conn);
        }));
        assert!(panicked.is_err());
        assert!(checks_at_once(conn));
        assert_eq!(count(conn, "nodes"), 0);
        Seed::new().rows(chain(10)).run(conn).unwrap();
        QueryResult::Ok(())
    })
    .unwrap();
    assert_eq!(count(&mut conn, "nodes"), 10);
}

#[test]
fn a_seed_of_both_kinds_of_foreign_keys_can_be_committed_by_the_caller() {
    let (_db, mut conn) = tables("");
    create_of_both_kinds(&mut conn);
    conn.transaction(|conn| {
        of_both_kinds(3).run(conn).unwrap();
        QueryResult::Ok(())
    })
    .unwrap();
    assert_eq!(count(&mut conn, "child"), 3);
}

#[test]
fn a_row_of_the_callers_that_waited_is_satisfied_by_a_seed() {
    let (_db, mut conn) = tables("");
    create_of_both_kinds(&mut conn);
    conn.transaction(|conn| {
        conn.batch_execute("INSERT INTO child VALUES (100, NULL, 2)")?;
        of_both_kinds(3).run(conn).unwrap();
        QueryResult::Ok(())
    })
    .unwrap();
    assert_eq!(count(&mut conn, "child"), 4);
}
