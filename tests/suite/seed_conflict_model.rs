//! Each way to handle conflicts against a model: rows in memory, applied one by one.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use covara_diesel::{OnConflict, Seed, SeedError, Seedable};
use diesel::connection::SimpleConnection;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use support::numbers::Number;
use support::thorough;

use super::seed::numbers_db;
use super::seed_update::{counts, stored};

/// Rows in memory, applied one by one.
#[derive(Clone, Default)]
struct Model {
    rows: BTreeMap<i64, (String, Option<i64>)>,
    counts: [usize; 4],
}

impl Model {
    /// Returns whether the row is refused.
    fn apply(&mut self, row: &Number, on_conflict: OnConflict) -> bool {
        let value = (row.label.clone(), row.half);
        let mut others = self.rows.iter();
        let label = others.any(|(id, (label, _))| *label == row.label && *id != row.id);
        let known = self.rows.get(&row.id);
        let is_taken = label || known.is_some();
        let at = match (on_conflict, known) {
            (OnConflict::Skip, _) if is_taken => {
                self.counts[3] += 1;
                return false;
            }
            (OnConflict::Fail, _) if is_taken => return true,
            (_, Some(known)) if *known == value => 2,
            _ if label => return true,
            (_, Some(_)) => 1,
            (_, None) => 0,
        };
        self.counts[at] += 1;
        self.rows.insert(row.id, value);
        false
    }
}

fn rows(most: usize) -> impl Strategy<Value = Vec<Number>> {
    // Labels that mostly go with the id, so that not everything is an error.
    let row = (0..60i64, 0..400u16, prop::option::of(0..3i64)).prop_map(|(id, label, half)| {
        let label = match label {
            0..10 => format!("any {}", label / 2),
            10..30 => format!("{} again", id ^ 1),
            _ => format!("{id}"),
        };
        Number { id, label, half }
    });
    prop::collection::vec(row, 0..most)
}

#[test]
fn each_way_to_handle_conflicts_does_what_applying_row_by_row_does() {
    let (_db, mut conn) = numbers_db();
    let ways = prop::sample::select(vec![OnConflict::Skip, OnConflict::Update, OnConflict::Fail]);
    let chunk = prop::option::of((1..40usize).prop_map(|it| NonZeroUsize::new(it).unwrap()));
    let cases = (rows(30), rows(80), ways, chunk, any::<bool>());
    let config = Config {
        cases: thorough::times(40, 400),
        failure_persistence: None,
        ..Config::default()
    };
    let check =
        |(present, mut given, way, chunk, is_short): (Vec<Number>, Vec<Number>, _, _, bool)| {
            conn.batch_execute("DELETE FROM numbers").unwrap();
            let mut model = Model::default();
            for row in &present {
                model.apply(row, OnConflict::Skip);
            }
            Number::seed(&mut conn, &present).unwrap();
            if is_short {
                given.truncate(5);
            }
            model.counts = [0; 4];
            let before = model.clone();
            let refused = given.iter().position(|row| model.apply(row, way));
            let mut seed = Seed::new().table(&given).on_conflict(way);
            if let Some(chunk) = chunk {
                seed = seed.chunk_rows(chunk);
            }
            match (seed.run(&mut conn), refused) {
                (Ok(summary), None) => prop_assert_eq!(counts(&summary), model.counts),
                (Err(SeedError::Conflict { row, .. }), Some(refused)) => {
                    prop_assert_eq!(row, refused + 1);
                    model = before;
                }
                (outcome, refused) => {
                    return Err(TestCaseError::fail(format!("{outcome:?}, not {refused:?}")));
                }
            }
            let rows = model.rows.into_iter();
            let expected: Vec<_> = rows
                .map(|(id, (label, half))| Number { id, label, half })
                .collect();
            prop_assert_eq!(stored(&mut conn), expected);
            Ok(())
        };
    let check = std::cell::RefCell::new(check);
    TestRunner::new(config)
        .run(&cases, |case| (check.borrow_mut())(case))
        .unwrap();
}
