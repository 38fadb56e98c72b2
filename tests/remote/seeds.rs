//! Seeds on D1 that are larger than one of its batches.

use std::io::Cursor;

use covara_diesel::fixture::FixtureSource;
use covara_diesel::remote::D1Connection;
use covara_diesel::seed::SeedError;
use covara_diesel::{Seed, Seedable};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use support::d1;
use support::fault_proxy::FaultProxy;

diesel::table! {
    notes (id) {
        id -> BigInt,
        text -> Text,
    }
}

#[derive(Seedable)]
#[diesel(table_name = notes)]
struct Note {
    id: i64,
    text: String,
}

/// About a kilobyte each, of which more than four thousand are no one batch.
fn notes(count: i64) -> impl Iterator<Item = Note> {
    (1..=count).map(|id| Note {
        id,
        text: format!("{id} {}", "x".repeat(1_000)),
    })
}

fn stored(db: &d1::TestDb) -> i64 {
    let mut conn = D1Connection::establish(&db.url()).unwrap();
    notes::table.count().get_result(&mut conn).unwrap()
}

struct Place {
    db: d1::TestDb,
    proxy: FaultProxy,
    conn: D1Connection,
}

impl Place {
    /// With a table that has a check.
    fn new(check: &str) -> Self {
        let db = d1::TestDb::new();
        let proxy = FaultProxy::new(db.base_url());
        let url = db.url_through(&proxy.origin(), d1::TOKEN);
        let mut conn = D1Connection::establish(&url).unwrap();
        conn.batch_execute(&format!(
            "CREATE TABLE notes (id BIGINT PRIMARY KEY NOT NULL CHECK ({check}), text TEXT NOT NULL)"
        ))
        .unwrap();
        Self { db, proxy, conn }
    }
}

#[test]
fn a_large_seed_says_how_many_batches_it_took_and_how_far_it_has_come() {
    let Place {
        db,
        proxy,
        mut conn,
    } = Place::new("id > 0");
    let mut seen = Vec::new();
    let summary = Seed::new()
        .rows(notes(9_000))
        .rows(notes(10))
        .progress(|progress| {
            assert_eq!(progress.table, "notes");
            seen.push((progress.rows, stored(&db)));
        })
        .run(&mut conn)
        .unwrap();
    let requests = proxy.count("INSERT");
    assert_eq!(requests, 3, "9 MB");
    assert_eq!(summary.transactions, requests);
    let [large, small] = &summary.tables[..] else {
        panic!("{summary:?}");
    };
    assert_eq!((large.attempted, large.inserted), (9_000, 9_000));
    assert_eq!((small.inserted, small.skipped), (0, 10));
    // Rows are told of when the database has them, and of the second table only its own.
    let last = seen.pop();
    assert_eq!(last, Some((10, 9_000)), "{seen:?}");
    assert_eq!(seen.len(), 3, "{seen:?}");
    for (reported, stored) in seen {
        assert_eq!(i64::try_from(reported), Ok(stored));
    }

    // One batch and less.
    let summary = Seed::new().rows(notes(20)).run(&mut conn).unwrap();
    assert_eq!((summary.transactions, summary.skipped()), (1, 20));
}

#[test]
fn a_row_that_fails_in_a_later_batch_leaves_the_batches_before_it() {
    let Place { db, mut conn, .. } = Place::new("id <> 6000");
    let error = Seed::new().rows(notes(9_000)).run(&mut conn).unwrap_err();
    let SeedError::Partial { rows, source, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(i64::try_from(*rows), Ok(stored(&db)));
    assert!((3_000..6_000).contains(rows), "{rows}");
    assert!(
        matches!(**source, SeedError::Row { row: 6_000, .. }),
        "{source:?}"
    );
    assert!(error.to_string().contains(&rows.to_string()), "{error}");

    // Mended, and run again: what is missing is written.
    let rest = notes(9_000).filter(|note| note.id != 6_000);
    let summary = Seed::new().rows(rest).run(&mut conn).unwrap();
    assert_eq!((summary.skipped(), stored(&db)), (*rows, 8_999));
}

/// What cannot even be read comes too late for what was sent before.
#[test]
fn a_file_that_breaks_off_after_a_batch_leaves_the_batches_before_it() {
    let Place { db, mut conn, .. } = Place::new("id > 0");
    let mut file = "id,text\n".to_owned();
    for note in notes(6_000) {
        file.push_str(&format!("{},{}\n", note.id, note.text));
    }
    file.push_str("no number,x\n");
    let source = FixtureSource::reader("notes.csv", Cursor::new(file));
    let error = Seed::new().csv::<Note>(source).run(&mut conn).unwrap_err();
    let SeedError::Partial { rows, source, .. } = &error else {
        panic!("{error:?}");
    };
    assert!(matches!(**source, SeedError::Fixture(_)), "{source:?}");
    assert_eq!(i64::try_from(*rows), Ok(stored(&db)));
    assert!(*rows > 3_000, "{rows}");
}
