//! Seeds that are rolled back.

use covara_diesel::{Seed, SeedError};
use diesel::connection::SimpleConnection;

use super::{chain, count};
use crate::backend::{self, TestDb};

#[test]
fn a_dry_run_counts_and_fails_as_a_run_would_and_keeps_nothing() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(
        "CREATE TABLE owners (id BIGINT PRIMARY KEY NOT NULL);
         CREATE TABLE pets (id BIGINT PRIMARY KEY NOT NULL,
             owner BIGINT NOT NULL REFERENCES owners (id) DEFERRABLE INITIALLY DEFERRED);
         INSERT INTO owners VALUES (1)",
    )
    .unwrap();
    let seed = |pets: &'static str| {
        Seed::new()
            .fixture("owners", named("owners.csv", "id\n1\n2\n"))
            .fixture("pets", named("pets.csv", pets))
    };
    let good = "id,owner\n1,2\n2,1\n";
    let tried = seed(good).dry_run().run(&mut conn);
    if backend::IN_BATCHES {
        assert!(matches!(tried, Err(SeedError::NoDryRun)));
        return;
    }
    let tried = tried.unwrap();
    assert_eq!((tried.inserted(), tried.skipped()), (3, 1));
    assert_eq!(count(&mut conn, "pets"), 0);

    let replaced = seed(good).replace().dry_run().run(&mut conn).unwrap();
    assert_eq!((replaced.deleted(), replaced.inserted()), (1, 4));
    assert_eq!(count(&mut conn, "owners"), 1);

    for bad in ["id,owner\n1,9\n", "id,owner\n1,\n", "id,owner\n1,x\n"] {
        let foreseen = seed(bad).dry_run().run(&mut conn);
        let failed = seed(bad).run(&mut conn);
        let (foreseen, failed) = (chain(&foreseen.unwrap_err()), chain(&failed.unwrap_err()));
        assert_eq!(foreseen, failed);
    }
    assert_eq!(seed(good).run(&mut conn).unwrap(), tried);
}

fn named(name: &str, text: &'static str) -> covara_diesel::fixture::FixtureSource<'static> {
    covara_diesel::fixture::FixtureSource::reader(name, text.as_bytes())
}
