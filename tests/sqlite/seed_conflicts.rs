//! Updates, conflicts and replacements on what only SQLite has.

use covara_diesel::fixture::FixtureSource;
use covara_diesel::{KeyProblem, OnConflict, Seed, SeedError, SeedSummary, Seedable};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use crate::backend::{Conn, TestDb};
use crate::suite::{chain, count, number};

diesel::table! {
    things (id) {
        id -> Nullable<BigInt>,
        code -> Text,
        part -> Nullable<BigInt>,
    }
}

#[derive(Clone, Seedable)]
#[diesel(table_name = things)]
struct Thing {
    id: Option<i64>,
    code: &'static str,
    part: Option<i64>,
}

fn thing(id: i64, code: &'static str, part: i64) -> Thing {
    Thing {
        id: Some(id),
        code,
        part: Some(part),
    }
}

fn db(create: &str) -> (TestDb, Conn) {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(create).unwrap();
    (db, conn)
}

fn seed(conn: &mut Conn, rows: &[Thing], way: OnConflict) -> Result<[usize; 3], SeedError> {
    let summary: SeedSummary = Seed::new().table(rows).on_conflict(way).run(conn)?;
    Ok([summary.inserted(), summary.updated(), summary.unchanged()])
}

#[test]
fn odd_tables_are_updated_and_counted_exactly() {
    for create in [
        "CREATE TABLE things (id INTEGER PRIMARY KEY, code TEXT, part BIGINT)",
        "CREATE TABLE things (id BIGINT PRIMARY KEY NOT NULL, code TEXT, part BIGINT) WITHOUT ROWID",
        "CREATE TABLE things (id INTEGER PRIMARY KEY AUTOINCREMENT, code TEXT COLLATE NOCASE, part BIGINT)",
        "CREATE TABLE things (id BIGINT PRIMARY KEY DESC, code TEXT, part BIGINT,
             twice BIGINT GENERATED ALWAYS AS (part * 2) STORED)",
        // Columns of another case, and a type that changes what is given.
        "CREATE TABLE things (ID TEXT PRIMARY KEY, CODE TEXT, Part TEXT)",
        "CREATE TABLE things (id INTEGER PRIMARY KEY ON CONFLICT REPLACE, code TEXT UNIQUE ON CONFLICT IGNORE,
             part BIGINT UNIQUE ON CONFLICT REPLACE)",
        // The trigger changes what was inserted.
        "CREATE TABLE things (id BIGINT PRIMARY KEY NOT NULL, code TEXT, part BIGINT, runs BIGINT DEFAULT 0);
         CREATE TRIGGER t AFTER INSERT ON things BEGIN
             UPDATE things SET code = upper(code), runs = runs + 1 WHERE id = NEW.id; END",
    ] {
        let (_db, mut conn) = db(create);
        let rows = [thing(1, "A", 1), thing(2, "B", 2), thing(3, "C", 3)];
        let first = seed(&mut conn, &rows, OnConflict::Update).unwrap();
        assert_eq!(first, [3, 0, 0], "{create}");
        let rows = [
            thing(1, "A", 1),
            thing(2, "b", 2),
            thing(3, "C", 30),
            thing(4, "D", 4),
            thing(2, "b", 2),
        ];
        let second = seed(&mut conn, &rows, OnConflict::Update).unwrap();
        assert_eq!(second, [1, 2, 2], "{create}");
        assert_eq!(count(&mut conn, "things WHERE code = 'b' COLLATE BINARY"), 1);
    }
}

#[test]
fn conflict_clauses_of_the_table_have_no_effect() {
    let (_db, mut conn) = db(
        "CREATE TABLE things (id INTEGER PRIMARY KEY ON CONFLICT REPLACE,
             code TEXT UNIQUE ON CONFLICT IGNORE, part BIGINT UNIQUE ON CONFLICT REPLACE)",
    );
    let rows = [thing(1, "a", 1), thing(2, "b", 2)];
    seed(&mut conn, &rows, OnConflict::Fail).unwrap();
    for (bad, way) in [
        (thing(1, "c", 3), OnConflict::Fail),
        (thing(3, "a", 3), OnConflict::Fail),
        (thing(3, "c", 1), OnConflict::Fail),
        (thing(3, "a", 3), OnConflict::Update),
        (thing(3, "c", 1), OnConflict::Update),
        (thing(2, "b", 1), OnConflict::Update),
    ] {
        let rows = [thing(9, "z", 9), bad];
        match seed(&mut conn, &rows, way).unwrap_err() {
            SeedError::Conflict { row: 2, .. } => {}
            other => panic!("{}", chain(&other)),
        }
        assert_eq!(count(&mut conn, "things WHERE id = part"), 2);
    }
}

#[test]
fn rows_without_an_id_get_one() {
    let (_db, mut conn) =
        db("CREATE TABLE things (id INTEGER PRIMARY KEY, code TEXT, part BIGINT)");
    let none = Thing {
        id: None,
        ..thing(0, "x", 0)
    };
    let rows = [
        none.clone(),
        thing(7, "y", 1),
        none.clone(),
        thing(1, "z", 2),
    ];
    // The first one gets the id 1, which the last one updates.
    let counts = seed(&mut conn, &rows, OnConflict::Update).unwrap();
    assert_eq!(counts, [3, 1, 0]);
    assert_eq!(count(&mut conn, "things WHERE id IN (7, 8)"), 2);
}

/// 1 equals 1.0, and is another value where the column keeps both.
#[test]
fn a_number_of_another_type_is_an_update() {
    let (_db, mut conn) = db(
        "CREATE TABLE n (id INTEGER PRIMARY KEY, free, whole INTEGER, real REAL, text TEXT);
         INSERT INTO n VALUES (1, 1, 1, 1, '1')",
    );
    let update = |conn: &mut Conn, row: &str| {
        let source = FixtureSource::reader("n.ndjson", row.as_bytes());
        let seed = Seed::new().fixture("n", source);
        let summary = seed.on_conflict(OnConflict::Update).run(conn).unwrap();
        [summary.updated(), summary.unchanged()]
    };
    let same = "{\"id\": 1, \"free\": 1, \"whole\": 1.0, \"real\": 1, \"text\": \"1\"}";
    assert_eq!(update(&mut conn, same), [0, 1]);
    let other = same.replace("\"free\": 1", "\"free\": 1.0");
    assert_eq!(update(&mut conn, &other), [1, 0]);
    assert_eq!(count(&mut conn, "n WHERE typeof(free) = 'real'"), 1);
    assert_eq!(update(&mut conn, &other), [0, 1]);
    assert_eq!(update(&mut conn, same), [1, 0]);
}

#[test]
fn a_view_has_no_key() {
    let (_db, mut conn) = db(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, code TEXT, part BIGINT);
         CREATE VIEW things AS SELECT * FROM t",
    );
    match seed(&mut conn, &[thing(1, "a", 1)], OnConflict::Update).unwrap_err() {
        SeedError::Key {
            problem: KeyProblem::Missing,
            ..
        } => {}
        other => panic!("{}", chain(&other)),
    }
}

/// The update takes away what a row of another table refers to.
#[test]
fn an_update_in_a_transaction_that_violates_other_tables_keys_is_not_forgotten() {
    let (_db, mut conn) = db(
        "CREATE TABLE things (id INTEGER PRIMARY KEY, code TEXT UNIQUE,
             part BIGINT REFERENCES things (id));
         CREATE TABLE marks (code TEXT REFERENCES things (code));",
    );
    conn.batch_execute("INSERT INTO things VALUES (1, 'a', NULL)")
        .unwrap();
    conn.batch_execute("INSERT INTO marks VALUES ('a')")
        .unwrap();
    // The first row refers to a later one, so that nothing is checked before the end.
    let rows = [thing(2, "c", 3), thing(3, "d", 1), thing(1, "b", 2)];
    let result = conn.transaction(|conn| {
        let _ = seed(conn, &rows, OnConflict::Update);
        QueryResult::Ok(())
    });
    let dangling = "SELECT count(*) AS n FROM pragma_foreign_key_check";
    assert_eq!(number(&mut conn, dangling), 0, "{result:?}");
    assert!(seed(&mut conn, &rows, OnConflict::Update).is_err());
    assert_eq!(number(&mut conn, dangling), 0);
}

#[test]
fn sequences_start_anew_only_if_the_replacement_succeeds() {
    let (_db, mut conn) = db(
        "CREATE TABLE things (id INTEGER PRIMARY KEY AUTOINCREMENT, code TEXT UNIQUE, part BIGINT)",
    );
    seed(&mut conn, &[thing(40, "a", 1)], OnConflict::Skip).unwrap();
    let bad = [thing(1, "a", 1), thing(2, "a", 1)];
    let replace = |conn: &mut Conn, rows: &[Thing]| {
        let seed = Seed::new().table(rows).replace();
        seed.on_conflict(OnConflict::Fail).run(conn)
    };
    replace(&mut conn, &bad).unwrap_err();
    let sequence = "SELECT seq AS n FROM sqlite_sequence WHERE name = 'things'";
    assert_eq!(number(&mut conn, sequence), 40);
    assert_eq!(count(&mut conn, "things"), 1);
    let summary = replace(&mut conn, &bad[..1]).unwrap();
    assert_eq!((summary.deleted(), summary.inserted()), (1, 1));
    assert_eq!(number(&mut conn, sequence), 1);
}
