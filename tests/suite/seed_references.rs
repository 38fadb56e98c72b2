//! Rows that refer to rows of the same seed, before or after them: one verdict, whatever their
//! number and order.

use std::collections::{HashMap, HashSet};
use std::io::Cursor;
use std::num::NonZeroUsize;

use covara_diesel::fixture::FixtureSource;
use covara_diesel::seed::SeedSummary;
use covara_diesel::{Dialect, Seed, SeedError, Seedable};
use diesel::connection::SimpleConnection;
use proptest::prelude::*;
use support::thorough;

use super::count;
use crate::backend::{self, Conn, TestDb};

diesel::table! {
    nodes (id) {
        id -> BigInt,
        parent -> Nullable<BigInt>,
        other -> Nullable<BigInt>,
    }
}

diesel::table! {
    others (id) {
        id -> BigInt,
        node -> Nullable<BigInt>,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Seedable)]
#[diesel(table_name = nodes)]
pub(crate) struct Node {
    pub(super) id: i64,
    pub(crate) parent: Option<i64>,
    pub(super) other: Option<i64>,
}

#[derive(Debug, Clone, Copy, Seedable)]
#[diesel(table_name = others)]
pub(super) struct Other {
    pub(super) id: i64,
    pub(super) node: Option<i64>,
}

/// Nodes that refer to each other; nodes and others that do so by foreign keys of this kind.
pub(super) fn tables(kind: &str) -> (TestDb, Conn) {
    let db = TestDb::new();
    let mut conn = db.connect();
    create(&mut conn, "", kind);
    (db, conn)
}

fn create(conn: &mut Conn, own: &str, kind: &str) {
    let nodes = |to_other: &str| {
        format!(
            "CREATE TABLE nodes (
                 id BIGINT PRIMARY KEY NOT NULL CHECK (id <> -666),
                 parent BIGINT REFERENCES nodes (id) {own},
                 other BIGINT {to_other}
             );"
        )
    };
    let others = format!(
        "CREATE TABLE others (
             id BIGINT PRIMARY KEY NOT NULL,
             node BIGINT CONSTRAINT others_node REFERENCES nodes (id) {kind}
         );"
    );
    let sql = match backend::DIALECT {
        Dialect::Sqlite => {
            let key = format!("CONSTRAINT nodes_other REFERENCES others (id) {kind}");
            nodes(&key) + &others
        }
        Dialect::Postgres => {
            let key = format!(
                "ALTER TABLE nodes ADD CONSTRAINT nodes_other
                     FOREIGN KEY (other) REFERENCES others (id) {kind}"
            );
            nodes("") + &others + &key
        }
    };
    // Without indexes, a deleted row is looked for in all others.
    let indexes = "CREATE INDEX nodes_parents ON nodes (parent);
         CREATE INDEX nodes_others ON nodes (other);
         CREATE INDEX others_nodes ON others (node)";
    conn.batch_execute(&format!("{sql}; {indexes}")).unwrap();
}

fn clear(conn: &mut Conn) {
    conn.batch_execute("UPDATE nodes SET other = NULL; DELETE FROM others; DELETE FROM nodes")
        .unwrap();
}

/// A chain: each node refers to the one before it.
pub(crate) fn chain(count: i64) -> Vec<Node> {
    let node = |id| Node {
        id,
        parent: (id > 1).then_some(id - 1),
        other: None,
    };
    (1..=count).map(node).collect()
}

type Order = fn(&mut Vec<Node>);

/// In order, reversed and shuffled.
const ORDERS: [(&str, Order); 3] = [
    ("in order", |_| {}),
    ("reversed", |rows| rows.reverse()),
    ("shuffled", |rows| {
        let mut random = 1_u64;
        for at in (1..rows.len()).rev() {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let other = usize::try_from(random >> 33).unwrap() % (at + 1);
            rows.swap(at, other);
        }
    }),
];

const SIZES: [i64; 7] = [1, 2, 3, 5, 17, 64, 300];

/// The source of the nodes.
#[derive(Debug, Clone, Copy)]
enum From {
    Memory,
    Stream,
    File,
}

fn file(rows: &[Node]) -> FixtureSource<'static> {
    let text = |value: Option<i64>| value.map_or_else(String::new, |value| value.to_string());
    // Blank lines make a row and its line differ.
    let lines = rows
        .iter()
        .map(|row| format!("\n{},{},{}\n", row.id, text(row.parent), text(row.other)));
    let text: String = std::iter::once("id,parent,other\n".to_owned())
        .chain(lines)
        .collect();
    FixtureSource::reader("nodes.csv", Cursor::new(text))
}

fn seed(conn: &mut Conn, rows: &[Node], from: From) -> Result<SeedSummary, SeedError> {
    match from {
        From::Memory => Seed::new().table(rows).run(conn),
        From::Stream => Seed::new().rows(rows.iter().copied()).run(conn),
        From::File => Seed::new().fixture("nodes", file(rows)).run(conn),
    }
}

#[track_caller]
fn assert_row(error: &SeedError, name: &str, at: usize, from: From) {
    let SeedError::Row {
        table,
        row,
        position,
        ..
    } = error
    else {
        panic!("{error:?}");
    };
    assert_eq!((table.as_str(), *row), (name, at), "{error:?}");
    let line = position.as_ref().map(|position| position.line);
    let expected = matches!(from, From::File).then(|| u64::try_from(2 * at + 1).unwrap());
    assert_eq!(line, expected, "{error:?}");
}

fn check_sizes(sizes: &[i64], from: From) {
    let (_db, mut conn) = tables("");
    for &size in sizes {
        for (order, arrange) in ORDERS {
            let mut rows = chain(size);
            arrange(&mut rows);
            clear(&mut conn);
            let summary = seed(&mut conn, &rows, from)
                .unwrap_or_else(|error| panic!("{size} {order} {from:?}: {error:?}"));
            assert_eq!(summary.inserted(), rows.len(), "{size} {order}");
            assert_eq!(count(&mut conn, "nodes"), size);
            // Again, which skips them all.
            let summary = seed(&mut conn, &rows, from).unwrap();
            assert_eq!(summary.skipped(), rows.len(), "{size} {order}");

            // One of them refers to nothing.
            clear(&mut conn);
            let at = rows.len() * 2 / 3;
            rows[at].parent = Some(404_404);
            let error = seed(&mut conn, &rows, from).unwrap_err();
            assert_row(&error, "nodes", at + 1, from);
            assert_eq!(count(&mut conn, "nodes"), 0);
        }
    }
}

#[test]
fn rows_in_memory_may_refer_to_each_other_in_any_order() {
    check_sizes(&SIZES, From::Memory);
}

#[test]
fn streamed_rows_may_refer_to_each_other_in_any_order() {
    check_sizes(&SIZES, From::Stream);
}

#[test]
fn rows_of_a_file_may_refer_to_each_other_in_any_order() {
    check_sizes(&SIZES, From::File);
}

/// The row that is wrong is named, not one that only waits for a later one.
#[test]
fn ten_thousand_rows_may_refer_to_each_other_in_any_order() {
    for from in [From::Memory, From::Stream, From::File] {
        check_sizes(&[10_000], from);
    }
}

#[test]
fn a_row_refused_for_another_reason_is_named_among_rows_that_wait() {
    let (_db, mut conn) = tables("");
    for size in [5, 17, 64, 300, 3_000] {
        for (order, arrange) in ORDERS {
            let mut rows = chain(size);
            arrange(&mut rows);
            let at = rows.len() * 2 / 3;
            rows.insert(
                at,
                Node {
                    id: -666,
                    parent: None,
                    other: None,
                },
            );
            let error = seed(&mut conn, &rows, From::File).unwrap_err();
            assert_row(&error, "nodes", at + 1, From::File);
            let source = std::error::Error::source(&error).unwrap().to_string();
            assert!(source.to_lowercase().contains("check"), "{order}: {source}");
        }
    }
}

/// A row that is there already is skipped, so that what it refers to does not matter.
#[test]
fn a_skipped_row_may_refer_to_nothing_among_rows_that_wait() {
    let (_db, mut conn) = tables("");
    for size in [3, 17, 300, 3_000] {
        for (order, arrange) in ORDERS {
            clear(&mut conn);
            conn.batch_execute("INSERT INTO nodes (id) VALUES (2)")
                .unwrap();
            let mut rows = chain(size);
            rows[1].parent = Some(404_404);
            arrange(&mut rows);
            let summary = seed(&mut conn, &rows, From::File)
                .unwrap_or_else(|error| panic!("{size} {order}: {error:?}"));
            assert_eq!(summary.skipped(), 1, "{size} {order}");
        }
    }
}

/// A row violates a foreign key that is checked at the end before the one that is checked at once.
#[test]
fn foreign_keys_of_both_kinds_may_refer_to_later_tables() {
    let db = TestDb::new();
    let mut conn = db.connect();
    create_of_both_kinds(&mut conn);
    for count in [1, 2, 5, 17, 300] {
        conn.batch_execute("DELETE FROM child; DELETE FROM first_parent; DELETE FROM last_parent")
            .unwrap();
        let summary = of_both_kinds(count).run(&mut conn);
        assert_eq!(summary.unwrap().inserted(), 3 * count, "{count}");
    }
}

pub(super) fn create_of_both_kinds(conn: &mut Conn) {
    conn.batch_execute(
        "CREATE TABLE first_parent (id BIGINT PRIMARY KEY NOT NULL);
         CREATE TABLE last_parent (id BIGINT PRIMARY KEY NOT NULL);
         CREATE TABLE child (
             id BIGINT PRIMARY KEY NOT NULL,
             a BIGINT REFERENCES first_parent (id) DEFERRABLE INITIALLY IMMEDIATE,
             b BIGINT REFERENCES last_parent (id) DEFERRABLE INITIALLY DEFERRED
         )",
    )
    .unwrap();
}

/// Children before the parents that they refer to.
pub(crate) fn of_both_kinds(count: usize) -> Seed<'static, Conn> {
    let file = |name: &'static str, header: &str, columns: usize| {
        let rows = (1..=count).map(|id| format!("{}\n", vec![id.to_string(); columns].join(",")));
        let text: String = std::iter::once(format!("{header}\n")).chain(rows).collect();
        FixtureSource::reader(name, Cursor::new(text))
    };
    Seed::new()
        .fixture("child", file("child.csv", "id,a,b", 3))
        .fixture("first_parent", file("first.csv", "id", 1))
        .fixture("last_parent", file("last.csv", "id", 1))
}

/// Nodes and others that refer to each other.
fn cycle(size: i64) -> (Vec<Node>, Vec<Other>) {
    let node = |id| Node {
        id,
        parent: None,
        other: Some(size + 1 - id),
    };
    let other = |id| Other { id, node: Some(id) };
    (
        (1..=size).map(node).collect(),
        (1..=size).map(other).collect(),
    )
}

#[test]
fn tables_may_refer_to_each_other() {
    let (_db, mut conn) = tables("DEFERRABLE INITIALLY IMMEDIATE");
    for size in [1, 2, 5, 17, 300, 3_000] {
        let (nodes, others) = cycle(size);
        clear(&mut conn);
        let summary = Seed::new().table(&nodes).table(&others).run(&mut conn);
        assert_eq!(summary.unwrap().inserted(), nodes.len() + others.len());
        clear(&mut conn);
        let summary = Seed::new().table(&others).table(&nodes).run(&mut conn);
        assert_eq!(summary.unwrap().inserted(), nodes.len() + others.len());

        // One of either refers to nothing.
        clear(&mut conn);
        let at = nodes.len() / 2;
        let mut dangling = nodes.clone();
        dangling[at].other = Some(404_404);
        let error = Seed::new()
            .fixture("nodes", file(&dangling))
            .table(&others)
            .run(&mut conn)
            .unwrap_err();
        assert_row(&error, "nodes", at + 1, From::File);
        let mut dangling = others.clone();
        dangling[at].node = Some(404_404);
        let error = Seed::new()
            .fixture("nodes", file(&nodes))
            .table(&dangling)
            .run(&mut conn)
            .unwrap_err();
        assert_row(&error, "others", at + 1, From::Memory);
        assert_eq!(count(&mut conn, "nodes") + count(&mut conn, "others"), 0);
    }
}

/// On databases that check at once.
#[test]
fn tables_that_refer_to_each_other_at_once_are_an_error_that_says_what_to_do() {
    let (_db, mut conn) = tables("");
    let (nodes, others) = cycle(5);
    let result = Seed::new().table(&nodes).table(&others).run(&mut conn);
    if backend::DIALECT == Dialect::Sqlite {
        assert_eq!(result.unwrap().inserted(), 10);
        return;
    }
    let error = result.unwrap_err();
    let text = error.to_string();
    assert!(
        matches!(error, SeedError::NotDeferrable { row: 1, .. }),
        "{error:?}"
    );
    assert!(
        text.contains("refers to a row that is not there before it")
            && text.contains("nodes_other"),
        "{text}"
    );
    assert!(text.contains("make it DEFERRABLE"), "{text}");
    assert_eq!(count(&mut conn, "nodes"), 0);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: thorough::times(24, 200),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Random graphs, with rows that are there already and keys that are given twice.
    #[test]
    fn the_verdict_is_that_of_the_model(
        present in 0..20i64,
        given in prop::collection::vec((0..160i64, prop::option::of(0..160i64)), 0..400),
        // Parents that are not given are left out most of the time, or no case would pass.
        repaired in prop::bool::weighted(0.7),
        chunk_rows in prop::option::of(1..40usize),
    ) {
        let (_db, mut conn) = tables("");
        let present: Vec<Node> = chain(present);
        Seed::new().table(&present).run(&mut conn).unwrap();
        let mut ids: HashSet<i64> = present.iter().map(|row| row.id).collect();
        let known: HashSet<i64> = given.iter().map(|(id, _)| *id).chain(ids.iter().copied()).collect();
        let given: Vec<Node> = given
            .into_iter()
            .map(|(id, parent)| Node {
                id,
                parent: parent.filter(|parent| !repaired || known.contains(parent)),
                other: None,
            })
            .collect();

        let mut inserted = HashMap::new();
        for (row, at) in given.iter().zip(1..) {
            if ids.insert(row.id) {
                inserted.insert(at, *row);
            }
        }
        let dangling = inserted.iter().filter_map(|(at, row)| {
            let parent = row.parent.filter(|parent| !ids.contains(parent))?;
            Some((*at, parent))
        });
        let first: Option<(usize, i64)> = dangling.min();

        let mut seed = Seed::new();
        if let Some(rows) = chunk_rows.and_then(NonZeroUsize::new) {
            seed = seed.chunk_rows(rows);
        }
        match (seed.rows(given.iter().copied()).run(&mut conn), first) {
            (Ok(summary), None) => prop_assert_eq!(summary.inserted(), inserted.len()),
            (Err(SeedError::Row { row, .. }), Some((at, parent))) => {
                // A row that was skipped may refer to the same.
                prop_assert!(row <= at, "{} {}", row, at);
                prop_assert_eq!(given[row - 1].parent, Some(parent));
            }
            (result, first) => prop_assert!(false, "{:?} {:?}", result, first),
        }
        let expected = match first {
            Some(_) => present.len(),
            None => ids.len(),
        };
        prop_assert_eq!(usize::try_from(count(&mut conn, "nodes")), Ok(expected));
    }
}
