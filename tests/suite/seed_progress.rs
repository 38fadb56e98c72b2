//! What the progress of a seed says of its end.

use std::cell::RefCell;
use std::io::Write;
use std::rc::Rc;

use covara_diesel::fixture::FixtureSource;
use covara_diesel::{Seed, SeedProgress, Seedable};
use diesel::connection::SimpleConnection;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::backend::{Conn, TestDb};

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

const ROWS: usize = 9_000;

fn text(id: usize) -> String {
    format!("a note that is long enough for a large file: number {id}")
}

/// What a seed of an empty table reports.
fn reports<'a>(
    db: &TestDb,
    seed: impl FnOnce(Seed<'a, Conn>) -> Seed<'a, Conn>,
) -> Vec<SeedProgress> {
    let mut conn = db.connect();
    conn.batch_execute(
        "DROP TABLE IF EXISTS notes;
         CREATE TABLE notes (id BIGINT PRIMARY KEY NOT NULL, text TEXT NOT NULL)",
    )
    .unwrap();
    let all = Rc::new(RefCell::new(Vec::new()));
    let filled = Rc::clone(&all);
    let seed =
        seed(Seed::new()).progress(move |progress| filled.borrow_mut().push(progress.clone()));
    assert_eq!(seed.run(&mut conn).unwrap().inserted(), ROWS);
    all.take()
}

#[test]
fn the_rows_of_a_slice_and_those_announced_are_the_total() {
    let db = TestDb::new();
    let note = |id: usize| Note {
        id: id.try_into().unwrap(),
        text: text(id),
    };
    let notes: Vec<Note> = (0..ROWS).map(note).collect();
    let of_slice = reports(&db, |seed| seed.table(&notes));
    let announced = reports(&db, |seed| seed.rows((0..ROWS).map(note)).total(ROWS));
    for found in [of_slice, announced] {
        assert!(
            found
                .iter()
                .all(|it| it.total_rows == Some(ROWS) && it.bytes.is_none())
        );
        assert!(
            found
                .windows(2)
                .all(|pair| pair[0].fraction() <= pair[1].fraction())
        );
        let first = found.first().unwrap().fraction().unwrap();
        assert!(first > 0.0 && (first < 1.0 || found.len() == 1), "{first}");
        assert_eq!(found.last().unwrap().fraction(), Some(1.0));
    }
    let unknown = reports(&db, |seed| seed.rows((0..ROWS).map(note)));
    assert!(
        unknown
            .iter()
            .all(|it| it.total_rows.is_none() && it.fraction().is_none())
    );
}

#[test]
fn the_bytes_of_a_file_are_the_total_compressed_or_not() {
    let db = TestDb::new();
    let directory = tempfile::tempdir().unwrap();
    let mut csv = "id,text\n".to_owned();
    (0..ROWS).for_each(|id| csv.push_str(&format!("{id},{}\n", text(id))));
    let plain = directory.path().join("notes.csv");
    std::fs::write(&plain, &csv).unwrap();
    let packed = directory.path().join("notes.csv.gz");
    let mut gzip = GzEncoder::new(std::fs::File::create(&packed).unwrap(), Compression::fast());
    gzip.write_all(csv.as_bytes()).unwrap();
    gzip.finish().unwrap();
    for path in [&plain, &packed] {
        let size = std::fs::metadata(path).unwrap().len();
        let described = reports(&db, |seed| seed.fixture("notes", path));
        let of_struct = reports(&db, |seed| seed.csv::<Note>(path));
        for found in [described, of_struct] {
            assert!(
                found.iter().all(|it| it.total_bytes == Some(size)),
                "{found:?}"
            );
            assert!(
                found.windows(2).all(|pair| pair[0].bytes <= pair[1].bytes),
                "{found:?}"
            );
            assert!(
                found
                    .iter()
                    .all(|it| it.bytes.is_some_and(|read| read <= size)),
                "{found:?}"
            );
            assert_eq!(found.last().unwrap().fraction(), Some(1.0), "{found:?}");
        }
    }

    // A pipe does not tell how much there is to come.
    let pipe = FixtureSource::reader("notes.csv", csv.as_bytes());
    let found = reports(&db, |seed| seed.fixture("notes", pipe));
    assert!(
        found
            .iter()
            .all(|it| it.total_bytes.is_none() && it.fraction().is_none())
    );
    assert_eq!(found.last().unwrap().bytes, u64::try_from(csv.len()).ok());
    let pipe = FixtureSource::reader("notes.csv", csv.as_bytes());
    let found = reports(&db, |seed| seed.fixture("notes", pipe).total(ROWS));
    assert_eq!(found.last().unwrap().fraction(), Some(1.0));
}
