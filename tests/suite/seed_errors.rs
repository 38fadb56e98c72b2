//! Seeds of rows that the database refuses.

use std::num::NonZeroUsize;

use covara_diesel::{Seed, SeedError, Seedable};
use diesel::connection::SimpleConnection;
use support::numbers;

use super::{chain, count};
use crate::backend::{self, Conn, TestDb};

diesel::table! {
    parents (id) {
        id -> BigInt,
    }
}

diesel::table! {
    children (id) {
        id -> BigInt,
        parent -> Nullable<BigInt>,
        name -> Nullable<Text>,
    }
}

#[derive(Seedable)]
#[diesel(table_name = parents)]
pub(super) struct Parent {
    pub(super) id: i64,
}

#[derive(Seedable)]
#[diesel(table_name = children)]
pub(super) struct Child {
    pub(super) id: i64,
    pub(super) parent: Option<i64>,
    pub(super) name: Option<&'static str>,
}

pub(super) fn family(deferred: &str) -> (TestDb, Conn) {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(&format!(
        "CREATE TABLE parents (id BIGINT PRIMARY KEY NOT NULL);
         CREATE TABLE children (
             id BIGINT PRIMARY KEY NOT NULL,
             parent BIGINT REFERENCES parents (id) {deferred},
             name TEXT NOT NULL CHECK (name <> 'nobody')
         );
         INSERT INTO children VALUES (-1, NULL, 'was here before')"
    ))
    .unwrap();
    (db, conn)
}

/// Children of whom one is special.
fn children(count: i64, at: i64, special: fn(&mut Child)) -> impl Iterator<Item = Child> {
    (1..=count).map(move |id| {
        let mut child = Child {
            id,
            parent: Some(1),
            name: Some("a name"),
        };
        if id == at {
            special(&mut child);
        }
        child
    })
}

#[test]
fn a_violation_names_table_and_row_and_nothing_is_kept() {
    type Case = (fn(&mut Child), &'static str);
    let cases: [Case; 3] = [
        (|child| child.name = None, "NotNullViolation"),
        (|child| child.parent = Some(404), "ForeignKeyViolation"),
        (|child| child.name = Some("nobody"), "CheckViolation"),
    ];
    let (_db, mut conn) = family("");
    // In chunks of every kind, by the roads that each leads to.
    let chunks = [
        (None, backend::MANY_ROWS, backend::MANY_ROWS / 10 * 7 + 1),
        (Some(1), 300, 201),
        (Some(7), 2_000, 1_501),
        (Some(1_000), 2_000, 1_501),
        (Some(1_501), 2_000, 1_501),
        (Some(100_000), 2_000, 1_501),
    ];
    for ((special, expected), (chunk, rows, at)) in cases
        .into_iter()
        .flat_map(|case| chunks.map(|chunk| (case, chunk)))
    {
        let mut seed = Seed::new();
        if let Some(rows) = chunk.and_then(NonZeroUsize::new) {
            seed = seed.chunk_rows(rows);
        }
        let error = seed
            .table(&[Parent { id: 1 }])
            .rows(children(rows, at, special))
            .run(&mut conn)
            .unwrap_err();
        let SeedError::Row {
            table, row, source, ..
        } = &error
        else {
            panic!("{error:?}");
        };
        assert_eq!(table, "children");
        assert_eq!(i64::try_from(*row).unwrap(), at, "{error:?}");
        let diesel::result::Error::DatabaseError(kind, _) = source else {
            panic!("{source:?}");
        };
        assert_eq!(format!("{kind:?}"), expected);
        assert!(
            error.to_string().contains(&format!("row {at} of children")),
            "{error}"
        );
        let text = chain(&error);
        assert!(
            text.len() > error.to_string().len() + 10,
            "the cause is told: {text}"
        );
        assert_eq!(
            count(&mut conn, "parents"),
            0,
            "the first table is not kept either"
        );
        assert_eq!(count(&mut conn, "children"), 1);
    }
    // The same rows without the mistake are fine.
    let summary = Seed::new()
        .table(&[Parent { id: 1 }])
        .rows(children(backend::MANY_ROWS, 0, |_| {}))
        .run(&mut conn)
        .unwrap();
    assert_eq!(
        i64::try_from(summary.inserted()),
        Ok(backend::MANY_ROWS + 1)
    );
}

#[test]
fn a_deferred_constraint_that_fails_at_the_end_leaves_nothing() {
    const IS_UNNAMED: bool =
        backend::IN_BATCHES && matches!(backend::DIALECT, covara_diesel::Dialect::Sqlite);
    let (_db, mut conn) = family("DEFERRABLE INITIALLY DEFERRED");
    let orphan = [Child {
        id: 1,
        parent: Some(404),
        name: Some("orphan"),
    }];
    let error = Child::seed(&mut conn, &orphan).unwrap_err();
    match &error {
        SeedError::Row { row: 1, .. } if !IS_UNNAMED => {}
        // A batch's error names nothing on SQLite.
        SeedError::Database(_) if IS_UNNAMED => {}
        error => panic!("{error:?}"),
    }
    assert_eq!(count(&mut conn, "children"), 1);
    // Children before their parents are what such a constraint is for.
    let summary = Seed::new()
        .table(&[Child {
            id: 1,
            parent: Some(1),
            name: Some("early"),
        }])
        .table(&[Parent { id: 1 }])
        .run(&mut conn)
        .unwrap();
    assert_eq!(summary.inserted(), 2);
}

#[test]
fn a_table_that_is_not_there_is_an_error_that_names_it() {
    let db = TestDb::new();
    let error = Seed::new()
        .rows(numbers::up_to(10))
        .run(&mut db.connect())
        .unwrap_err();
    let text = chain(&error);
    assert!(text.contains("numbers"), "{text}");
}

#[test]
fn a_column_filled_twice_through_an_embedded_struct_is_an_error() {
    #[derive(Seedable)]
    #[diesel(table_name = children)]
    struct Named {
        name: Option<&'static str>,
    }

    #[derive(Seedable)]
    #[diesel(table_name = children)]
    struct NamedTwice {
        id: i64,
        #[diesel(embed)]
        inner: Named,
        name: &'static str,
    }

    let (_db, mut conn) = family("");
    let rows = [NamedTwice {
        id: 1,
        inner: Named { name: None },
        name: "which?",
    }];
    let error = NamedTwice::seed(&mut conn, &rows).unwrap_err();
    assert!(
        matches!(&error, SeedError::ColumnTwice { table, column }
            if table == "children" && column == "name"),
        "{error:?}"
    );
}

/// That a row is there already is no excuse for what is wrong with it.
#[test]
fn a_violation_in_a_row_that_is_there_already_is_an_error_all_the_same() {
    let (_db, mut conn) = family("");
    Seed::new()
        .table(&[Parent { id: 1 }])
        .rows(children(100, 0, |_| {}))
        .run(&mut conn)
        .unwrap();
    let specials: [fn(&mut Child); 2] = [
        |child| child.name = None,
        |child| child.name = Some("nobody"),
    ];
    for special in specials {
        for chunk in [1, 10, 100, 1_000].map(NonZeroUsize::new) {
            let error = Seed::new()
                .chunk_rows(chunk.unwrap())
                .rows(children(100, 51, special))
                .run(&mut conn)
                .unwrap_err();
            assert!(
                matches!(&error, SeedError::Row { table, row: 51, .. } if table == "children"),
                "{chunk:?}: {error:?}"
            );
        }
    }
}
