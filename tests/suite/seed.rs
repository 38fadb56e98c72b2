//! What a seed does with good rows.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::sync::Barrier;

use covara_diesel::{Seed, Seedable};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use proptest::prelude::*;
use support::cities::{self, City};
use support::numbers::{self, Number, numbers as table};
use support::thorough;

use super::{count, number};
use crate::backend::{self, TestDb};

pub(super) fn numbers_db() -> (TestDb, backend::Conn) {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(numbers::CREATE).unwrap();
    (db, conn)
}

#[test]
fn any_number_of_rows_goes_in_and_is_counted_exactly() {
    let (_db, mut conn) = numbers_db();
    // Around every statement size, and a mixture of all of them.
    let sizes = [
        0, 1, 3, 4, 5, 15, 16, 17, 63, 64, 65, 255, 256, 257, 1023, 1024, 1025, 1365, 5000,
    ];
    for size in sizes {
        conn.batch_execute("DELETE FROM numbers").unwrap();
        let rows: Vec<_> = numbers::up_to(size).collect();
        let attempted = rows.len();
        let summary = Number::seed(&mut conn, &rows).unwrap();
        assert_eq!(
            (summary.attempted(), summary.inserted(), summary.skipped()),
            (attempted, attempted, 0)
        );
        assert_eq!(count(&mut conn, "numbers"), size);
        let streamed = Seed::new()
            .rows(numbers::up_to(size + 7))
            .run(&mut conn)
            .unwrap();
        assert_eq!((streamed.inserted(), streamed.skipped()), (7, attempted));
        let stored: Vec<Number> = table::table.order(table::id).load(&mut conn).unwrap();
        assert!(stored.into_iter().eq(numbers::up_to(size + 7)), "{size}");
    }
}

#[test]
fn rows_are_given_by_value_or_by_reference() {
    let (_db, mut conn) = numbers_db();
    let rows: Vec<Number> = numbers::up_to(9).collect();
    let (few, more) = rows.split_at(3);
    let more: Vec<&Number> = more.iter().collect();
    let seed = Seed::new().rows(few.iter()).table(&more);
    assert_eq!(seed.run(&mut conn).unwrap().inserted(), 9);
    let stored: Vec<Number> = table::table.order(table::id).load(&mut conn).unwrap();
    assert_eq!(stored, rows);
}

#[test]
fn a_seed_of_nothing_does_nothing() {
    let (_db, mut conn) = numbers_db();
    assert!(Seed::new().run(&mut conn).unwrap().tables.is_empty());
    let summary = Number::seed(&mut conn, &[]).unwrap();
    assert_eq!(summary.tables.len(), 1);
    assert_eq!(summary.attempted(), 0);
}

#[test]
fn a_conflict_on_any_unique_column_is_skipped_and_the_first_of_two_wins() {
    let (_db, mut conn) = numbers_db();
    let row = |id, label: &str, half| Number {
        id,
        label: label.to_owned(),
        half,
    };
    let rows = [
        row(1, "one", Some(1)),
        row(1, "the key again", Some(2)),
        row(2, "one", Some(3)),
        row(3, "three", None),
        row(3, "three", Some(4)),
    ];
    let summary = Number::seed(&mut conn, &rows).unwrap();
    assert_eq!((summary.inserted(), summary.skipped()), (2, 3));
    let stored: Vec<Number> = table::table.order(table::id).load(&mut conn).unwrap();
    assert_eq!(stored, [row(1, "one", Some(1)), row(3, "three", None)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(thorough::times(16, 64)))]

    /// Any mixture of duplicates and rows already there, against the naive model: one row
    /// after the other, refused if key or label is taken.
    #[test]
    fn the_result_is_that_of_the_naive_model(
        present in prop::collection::vec((0..400i64, 0..400u16), 0..50),
        given in prop::collection::vec((0..400i64, 0..400u16, prop::option::of(-backend::LARGEST_WHOLE..=backend::LARGEST_WHOLE)), 0..1500),
        streamed in any::<bool>(),
        // Small chunks take the same roads as large ones do with more rows.
        chunk_rows in prop::option::of(1..40usize),
    ) {
        let (_db, mut conn) = numbers_db();
        let label = |label: u16| format!("label {label}");
        let (mut keys, mut labels, mut model) = (HashSet::new(), HashSet::new(), Vec::new());
        let mut insert = |row: &Number| {
            let free = !keys.contains(&row.id) && !labels.contains(&row.label);
            if free {
                keys.insert(row.id);
                labels.insert(row.label.clone());
                model.push(row.clone());
            }
            usize::from(free)
        };
        let present: Vec<_> = present.into_iter()
            .map(|(id, text)| Number { id, label: label(text), half: None }).collect();
        let given: Vec<_> = given.into_iter()
            .map(|(id, text, half)| Number { id, label: label(text), half }).collect();
        let present_new: usize = present.iter().map(&mut insert).sum();
        let given_new: usize = given.iter().map(&mut insert).sum();

        prop_assert_eq!(Number::seed(&mut conn, &present).unwrap().inserted(), present_new);
        let attempted = given.len();
        let mut seed = Seed::new();
        if let Some(rows) = chunk_rows.and_then(NonZeroUsize::new) {
            seed = seed.chunk_rows(rows);
        }
        let seed = if streamed { seed.rows(given.clone()) } else { seed.table(&given) };
        let summary = seed.run(&mut conn).unwrap();
        prop_assert_eq!(summary.attempted(), attempted);
        prop_assert_eq!(summary.inserted(), given_new);
        prop_assert_eq!(summary.skipped(), attempted - given_new);
        let stored: Vec<Number> = table::table.order(table::id).load(&mut conn).unwrap();
        model.sort_by_key(|row| row.id);
        prop_assert_eq!(stored, model);
    }
}

#[test]
fn a_panic_in_the_rows_leaves_no_transaction_behind() {
    let (_db, mut conn) = numbers_db();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let rows = numbers::up_to(3000).inspect(|row| assert!(row.id < 2500, "on purpose"));
        let _ = Seed::new().rows(rows).run(&mut conn);
    }));
    assert!(panicked.is_err());
    assert_eq!(count(&mut conn, "numbers"), 0);
    Seed::new().rows(numbers::up_to(10)).run(&mut conn).unwrap();
    drop(conn);
    assert_eq!(
        count(&mut _db.connect(), "numbers"),
        10,
        "committed, not inside a forgotten transaction"
    );
}

#[test]
fn progress_reports_table_and_rows_done() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(cities::CREATE).unwrap();
    conn.batch_execute(numbers::CREATE).unwrap();
    let mut seen = Vec::new();
    Seed::new()
        .table(&cities::countries())
        .rows(numbers::up_to(3000))
        .progress(|p| seen.push((p.table.clone(), p.rows)))
        .run(&mut conn)
        .unwrap();
    assert!(
        seen.is_sorted_by(|a, b| a.0 != b.0 || a.1 < b.1),
        "{seen:?}"
    );
    let last = |name: &str| {
        seen.iter()
            .rfind(|(table, _)| table == name)
            .map(|(_, rows)| *rows)
    };
    assert_eq!(last("countries"), Some(246));
    assert_eq!(last("numbers"), Some(3000));
}

#[test]
fn seeding_the_real_cities_twice_inserts_them_once() {
    let db = TestDb::new();
    let pool = backend::pool(&db.url());
    let mut conn = pool.get().unwrap();
    conn.batch_execute(cities::CREATE).unwrap();
    let countries = cities::countries();
    let cities = cities::cities();
    assert_eq!((countries.len(), cities.len()), (246, 135_233));

    let seed = || Seed::new().table(&countries).table(&cities);
    let first = seed().run(&mut conn).unwrap();
    assert_eq!(first.tables.len(), 2);
    assert_eq!(first.tables[0].table, "countries");
    assert_eq!(first.tables[0].inserted, 246);
    assert_eq!(first.tables[1].table, "cities");
    assert_eq!(first.tables[1].attempted, 135_233);
    assert_eq!(first.tables[1].inserted, 135_233);
    assert_eq!(first.tables[1].skipped, 0);

    let second = seed().run(&mut conn).unwrap();
    assert_eq!(second.inserted(), 0);
    assert_eq!(second.tables[1].skipped, 135_233);
    assert_eq!(second.skipped(), second.attempted());

    // What is in the table is what was in the file.
    let mut stored: Vec<City> = Vec::new();
    // In parts, as servers have limits to what they answer with.
    for from in (0..135_233).step_by(25_000) {
        let query = cities::cities::table
            .order(cities::cities::geoname_id)
            .limit(25_000)
            .offset(from);
        stored.extend(query.load::<City>(&mut conn).unwrap());
    }
    stored.sort_by_key(|city| city.geoname_id);
    let mut given = cities;
    given.sort_by_key(|city| city.geoname_id);
    assert!(stored == given);
}

#[test]
fn two_connections_seed_the_same_table_at_once() {
    let (db, mut conn) = numbers_db();
    let start = Barrier::new(2);
    let inserted: Vec<usize> = std::thread::scope(|scope| {
        let seeders: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut conn = db.connect();
                    start.wait();
                    let summary = Seed::new()
                        .rows(numbers::up_to(50_000))
                        .run(&mut conn)
                        .unwrap();
                    assert_eq!(summary.attempted(), 50_000);
                    assert_eq!(summary.inserted() + summary.skipped(), 50_000);
                    summary.inserted()
                })
            })
            .collect();
        seeders
            .into_iter()
            .map(|seeder| seeder.join().unwrap())
            .collect()
    });
    assert_eq!(inserted.iter().sum::<usize>(), 50_000, "{inserted:?}");
    assert_eq!(
        number(&mut conn, "SELECT count(DISTINCT label) AS n FROM numbers"),
        50_000
    );
}
