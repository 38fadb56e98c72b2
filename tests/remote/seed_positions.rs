//! Where the rows of files are that D1 refuses in a batch: one batch may hold rows of several
//! tables, and a row may be refused long after its file was read.

use std::fmt;
use std::io::Cursor;
use std::num::NonZeroUsize;
use std::str::FromStr;

use covara_diesel::fixture::FixtureSource;
use covara_diesel::remote::D1Connection;
use covara_diesel::seed::SeedError;
use covara_diesel::{Seed, Seedable};
use diesel::connection::SimpleConnection;
use diesel::expression::AsExpression;
use diesel::prelude::*;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::BigInt;
use diesel::sqlite::Sqlite;
use support::d1;
use support::fault_proxy::{Fault, FaultProxy, answer};

/// More than one batch takes, at a kilobyte each.
const MANY: usize = 5_000;

fn connect(tables: &str) -> (d1::TestDb, D1Connection) {
    let db = d1::TestDb::new();
    let mut conn = D1Connection::establish(&db.url()).unwrap();
    conn.batch_execute(tables).unwrap();
    (db, conn)
}

/// A file of `count` rows `id,owner,text`, with a blank line before each but the first two.
fn file(
    name: &str,
    count: usize,
    owner: impl Fn(usize) -> Option<usize>,
) -> FixtureSource<'static> {
    let mut text = "id,owner,text\n".to_owned();
    let letters = "x".repeat(if count < MANY { 1 } else { 1_000 });
    for id in 1..=count {
        if id > 2 {
            text.push('\n');
        }
        let owner = owner(id).map_or_else(String::new, |owner| owner.to_string());
        text.push_str(&format!("{id},{owner},{letters}\n"));
    }
    FixtureSource::reader(name, Cursor::new(text))
}

/// The line of a row in such a file.
fn line(row: usize) -> u64 {
    u64::try_from(if row < 3 { row + 1 } else { 2 * row - 1 }).unwrap()
}

/// Whether a row was refused at this position, and not for the order of the tables.
fn is_at(error: &SeedError, name: &str, at: usize, file: Option<&str>) -> bool {
    let SeedError::Row {
        table,
        row,
        position,
        ..
    } = error
    else {
        return false;
    };
    let expected = file.map(|file| (file, line(at)));
    let found = position.as_ref();
    (table.as_str(), *row) == (name, at)
        && found.map(|found| (found.file.as_str(), found.line)) == expected
}

fn inside(error: &SeedError) -> &SeedError {
    match error {
        SeedError::Partial { source, .. } => source,
        error => panic!("{error:?}"),
    }
}

const TWO: &str = "
CREATE TABLE first (id INTEGER PRIMARY KEY, owner BIGINT, text TEXT, CHECK (id <> 4));
CREATE TABLE second (id INTEGER PRIMARY KEY, owner BIGINT, text TEXT, CHECK (id <> 4500));";

#[test]
fn a_row_refused_among_those_of_another_table_has_its_own_line() {
    let (_db, mut conn) = connect(TWO);
    let error = Seed::new()
        .fixture("first", file("first.csv", 9, |_| None))
        .fixture("second", file("second.csv", MANY, |_| None))
        .run(&mut conn)
        .unwrap_err();
    assert!(is_at(&error, "first", 4, Some("first.csv")), "{error:?}");
    assert!(error.to_string().contains("first.csv, line 7"), "{error}");
}

#[test]
fn a_row_refused_when_all_files_have_been_read_has_its_line() {
    let (_db, mut conn) = connect(TWO);
    let error = Seed::new()
        .fixture("second", file("second.csv", 20, |_| None))
        .fixture("first", file("first.csv", 9, |_| None))
        .fixture("second", file("again.csv", 20, |_| None))
        .run(&mut conn)
        .unwrap_err();
    assert!(is_at(&error, "first", 4, Some("first.csv")), "{error:?}");
}

#[test]
fn a_row_refused_in_a_later_batch_has_its_line() {
    let (_db, mut conn) = connect(TWO);
    let error = Seed::new()
        .fixture("second", file("second.csv", MANY, |_| None))
        .run(&mut conn)
        .unwrap_err();
    let source = inside(&error);
    assert!(
        is_at(source, "second", 4_500, Some("second.csv")),
        "{error:?}"
    );
    // The same while the file is still being read, and beside a table of the same name.
    let (_db, mut conn) = connect(TWO);
    let error = Seed::new()
        .fixture("second", file("a.csv", 7, |_| None))
        .fixture("second", file("b.csv", 2 * MANY, |_| None))
        .run(&mut conn)
        .unwrap_err();
    let source = inside(&error);
    assert!(is_at(source, "second", 4_500, Some("b.csv")), "{error:?}");
}

#[test]
fn every_row_of_a_batch_has_its_line_however_small_the_chunks() {
    let (_db, mut conn) = connect(TWO);
    let error = Seed::new()
        .chunk_rows(NonZeroUsize::MIN)
        .fixture("first", file("first.csv", 500, |_| None))
        .run(&mut conn)
        .unwrap_err();
    assert!(is_at(&error, "first", 4, Some("first.csv")), "{error:?}");
}

diesel::table! {
    first (id) {
        id -> BigInt,
        owner -> BigInt,
    }
}

/// A number that no database is given if it is 13.
#[derive(Debug, Clone, Copy, AsExpression)]
#[diesel(sql_type = BigInt)]
struct Lucky(i64);

impl ToSql<BigInt, Sqlite> for Lucky {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        match self.0 {
            13 => Err("13 is not lucky".into()),
            _ => ToSql::<BigInt, Sqlite>::to_sql(&self.0, out),
        }
    }
}

#[derive(Debug)]
struct NoNumber;

impl fmt::Display for NoNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no number")
    }
}

impl FromStr for Lucky {
    type Err = NoNumber;

    fn from_str(text: &str) -> Result<Self, NoNumber> {
        text.parse().map(Self).map_err(|_| NoNumber)
    }
}

#[derive(Seedable)]
#[diesel(table_name = first)]
struct First {
    id: i64,
    #[seedable(from_str)]
    owner: Lucky,
}

#[test]
fn rows_refused_for_their_values_have_the_line_of_the_first() {
    let rows = |of: fn(usize) -> usize, count| {
        let mut text = "id,owner\n".to_owned();
        for id in 1..=count {
            text.push_str(&format!("\n{id},{}\n", of(id)));
        }
        FixtureSource::reader("lucky.csv", Cursor::new(text))
    };
    let (_db, mut conn) = connect(TWO.replace("id <> 4)", "id > 0)").as_str());
    let error = Seed::new()
        .fixture("second", file("second.csv", MANY, |_| None))
        .csv::<First>(rows(|id| id, 25))
        .run(&mut conn)
        .unwrap_err();
    let SeedError::Rows {
        table,
        first,
        last,
        position: Some(position),
        ..
    } = inside(&error)
    else {
        panic!("{error:?}");
    };
    assert_eq!((table.as_str(), *first, *last), ("first", 1, 16));
    assert_eq!((position.file.as_str(), position.line), ("lucky.csv", 3));
}

#[derive(Seedable)]
#[diesel(table_name = first)]
struct InMemory {
    id: i64,
    owner: i64,
}

#[test]
fn a_row_from_memory_has_no_line_of_a_file() {
    let (_db, mut conn) = connect(TWO);
    let rows = || (1..=9).map(|id| InMemory { id, owner: 0 });
    let error = Seed::new()
        .rows(rows())
        .fixture("second", file("second.csv", MANY, |_| None))
        .run(&mut conn)
        .unwrap_err();
    assert!(is_at(&error, "first", 4, None), "{error:?}");
    let error = Seed::new()
        .fixture("second", file("second.csv", 9, |_| None))
        .rows(rows())
        .run(&mut conn)
        .unwrap_err();
    assert!(is_at(&error, "first", 4, None), "{error:?}");
}

/// The search for the row takes several requests, each of which may fail.
#[test]
fn a_row_that_could_not_be_found_is_not_guessed() {
    let db = d1::TestDb::new();
    let proxy = FaultProxy::new(db.base_url());
    let mut conn = D1Connection::establish(&db.url_through(&proxy.origin(), d1::TOKEN)).unwrap();
    conn.batch_execute(TWO).unwrap();
    let seed = |conn: &mut D1Connection| {
        let rows = file("first.csv", 16, |_| None);
        Seed::new().fixture("first", rows).run(conn).unwrap_err()
    };
    let take_back = "covara_take_back";
    proxy.forget();
    let error = seed(&mut conn);
    assert!(is_at(&error, "first", 4, Some("first.csv")), "{error:?}");
    let searches = proxy.count(take_back);
    assert!(searches > 2, "{searches}");
    for fails in 0..searches {
        for _ in 0..fails {
            proxy.next_with(take_back, Fault::None);
        }
        proxy.next_with(take_back, Fault::Answer(answer(403, "text/plain", "no")));
        let error = seed(&mut conn);
        proxy.heal();
        match &error {
            SeedError::Database(_) if fails == 0 => {}
            SeedError::Rows {
                first: 1,
                last: 16,
                position: Some(position),
                ..
            } if fails > 0 => assert_eq!(position.line, 2, "{error:?}"),
            _ => panic!("{fails}: {error:?}"),
        }
    }
}

const FAMILY: &str = "
CREATE TABLE owners (id INTEGER PRIMARY KEY, owner BIGINT, text TEXT);
CREATE TABLE houses (id INTEGER PRIMARY KEY, owner BIGINT REFERENCES owners (id), text TEXT);
CREATE TABLE streets (id INTEGER PRIMARY KEY, owner BIGINT, text TEXT);
CREATE TABLE trees (id INTEGER PRIMARY KEY, owner BIGINT REFERENCES streets (id), text TEXT);";

/// A seed whose first table has a row that refers to nothing, and the tables of the seed.
fn orphaned(tables: &[(&str, usize)]) -> SeedError {
    let mut seed = Seed::new();
    for (at, (table, count)) in tables.iter().enumerate() {
        let owner = move |id| (at == 0 && id == 4).then_some(4_900);
        seed = seed.fixture(*table, file(&format!("{table}.csv"), *count, owner));
    }
    let (_db, mut conn) = connect(FAMILY);
    seed.run(&mut conn).unwrap_err()
}

#[test]
fn the_foreign_keys_of_another_table_of_the_batch_do_not_matter() {
    // Those of the trees, which refer to a table that comes later.
    let error = orphaned(&[("houses", 9), ("trees", MANY), ("streets", 9)]);
    assert!(is_at(&error, "houses", 4, Some("houses.csv")), "{error:?}");
}

#[test]
fn a_table_of_a_later_batch_that_should_come_first_is_named() {
    // Not yet begun and being written when the batch is sent.
    for tables in [
        &[("houses", 9), ("trees", MANY), ("owners", 9)][..],
        &[("houses", 9), ("owners", MANY)],
    ] {
        let error = orphaned(tables);
        let SeedError::TableOrder {
            table,
            row,
            position: Some(position),
            first,
            ..
        } = &error
        else {
            panic!("{tables:?}: {error:?}");
        };
        assert_eq!(
            (table.as_str(), *row, first.as_str()),
            ("houses", 4, "owners"),
            "{tables:?}"
        );
        assert_eq!(
            (position.file.as_str(), position.line),
            ("houses.csv", line(4)),
            "{tables:?}"
        );
    }
}

#[test]
fn a_row_that_refers_to_nothing_in_its_batch_is_named() {
    for tables in [
        // Written completely when the batch is sent.
        &[("houses", 9), ("owners", 9), ("streets", MANY)][..],
        // Sent at the end.
        &[("houses", 9), ("owners", 9)],
        &[("houses", 9), ("trees", 9), ("owners", 9)],
    ] {
        let error = orphaned(tables);
        assert!(
            is_at(&error, "houses", 4, Some("houses.csv")),
            "{tables:?}: {error:?}"
        );
    }
}

/// One batch is all that D1 checks at once.
#[test]
fn a_row_that_refers_to_a_later_batch_is_an_error_that_says_so() {
    let (_db, mut conn) = connect(
        "CREATE TABLE rows (id INTEGER PRIMARY KEY, owner BIGINT REFERENCES rows, text TEXT)",
    );
    let seed = |conn: &mut D1Connection, owner: usize| {
        let owner = move |id| (id == 4).then_some(owner);
        Seed::new()
            .fixture("rows", file("rows.csv", MANY, owner))
            .run(conn)
    };
    let error = seed(&mut conn, MANY).unwrap_err();
    let SeedError::RowOrder {
        row: 4,
        position: Some(position),
        ..
    } = &error
    else {
        panic!("{error:?}");
    };
    assert_eq!(position.line, line(4));
    let text = error.to_string();
    assert!(
        text.contains("move the row that it refers to before it"),
        "{text}"
    );
    // In the same batch, and in an earlier one.
    assert_eq!(seed(&mut conn, 1_000).unwrap().inserted(), MANY);
}
