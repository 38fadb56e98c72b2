//! Seeds that are rolled back.

use covara_diesel::{Dialect, Seed, SeedError};
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

/// Of rows that only the end of the transaction refuses: those that a trigger writes, and those with
/// a default.
#[test]
fn a_dry_run_foresees_what_only_the_commit_refuses() {
    if backend::IN_BATCHES {
        return;
    }
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(
        "CREATE TABLE owners (id BIGINT PRIMARY KEY NOT NULL);
         CREATE TABLE visits (owner BIGINT REFERENCES owners (id) DEFERRABLE INITIALLY DEFERRED);
         CREATE TABLE guests (id BIGINT PRIMARY KEY NOT NULL,
             host BIGINT DEFAULT 7 REFERENCES owners (id) DEFERRABLE INITIALLY DEFERRED);
         CREATE TABLE pets (id BIGINT PRIMARY KEY NOT NULL)",
    )
    .unwrap();
    conn.batch_execute(match backend::DIALECT {
        Dialect::Sqlite => {
            "CREATE TRIGGER t AFTER INSERT ON pets BEGIN
                 INSERT INTO visits VALUES (NEW.id); END"
        }
        Dialect::Postgres => {
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
                 INSERT INTO visits VALUES (NEW.id); RETURN NEW; END$$;
             CREATE TRIGGER t AFTER INSERT ON pets FOR EACH ROW EXECUTE FUNCTION f()"
        }
    })
    .unwrap();
    if backend::DIALECT == Dialect::Sqlite {
        // Violations that were there before are not the seed's.
        conn.batch_execute(
            "PRAGMA foreign_keys = OFF; INSERT INTO visits VALUES (404); PRAGMA foreign_keys = ON",
        )
        .unwrap();
    }
    let before = count(&mut conn, "visits");
    let seed = |owner: &'static str, table: &'static str| {
        Seed::new()
            .fixture("owners", named("owners.csv", owner))
            .fixture(table, named("rows.csv", "id\n7\n"))
    };
    for table in ["pets", "guests"] {
        for (owner, is_good) in [("id\n8\n", false), ("id\n7\n", true)] {
            let foreseen = seed(owner, table).dry_run().run(&mut conn);
            assert_eq!(count(&mut conn, table), 0);
            let ran = seed(owner, table).run(&mut conn);
            assert_eq!(ran.is_ok(), is_good, "{table}: {ran:?}");
            match (foreseen, ran) {
                (Ok(foreseen), Ok(ran)) => assert_eq!(foreseen, ran),
                (Err(foreseen), Err(ran)) => assert_eq!(chain(&foreseen), chain(&ran)),
                (foreseen, ran) => panic!("{table}: {foreseen:?}, but {ran:?}"),
            }
        }
        conn.batch_execute("DELETE FROM guests; DELETE FROM visits WHERE owner = 7")
            .unwrap();
        conn.batch_execute("DELETE FROM owners").unwrap();
    }
    assert_eq!(count(&mut conn, "visits"), before);
}
