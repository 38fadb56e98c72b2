//! Constraints that are INITIALLY DEFERRED: the seed finds their violations before it commits.

use covara_diesel::fixture::FixtureSource;
use covara_diesel::{OnConflict, Seed, SeedError, Seedable};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use crate::backend::{Conn, TestDb};
use crate::suite::{chain, count};

diesel::table! {
    parents (id) {
        id -> BigInt,
    }
}

diesel::table! {
    children (id) {
        id -> BigInt,
        parent -> Nullable<BigInt>,
    }
}

#[derive(Clone, Copy, Seedable)]
#[diesel(table_name = parents)]
struct Parent {
    id: i64,
}

#[derive(Clone, Copy, Seedable)]
#[diesel(table_name = children)]
struct Child {
    id: i64,
    parent: Option<i64>,
}

const TABLES: &str = "CREATE TABLE parents (id BIGINT PRIMARY KEY);
    CREATE TABLE children (id BIGINT PRIMARY KEY,
        parent BIGINT REFERENCES parents DEFERRABLE INITIALLY DEFERRED);
    INSERT INTO parents VALUES (1)";

fn db(create: &str) -> (TestDb, Conn) {
    let db = TestDb::new();
    let mut conn = db.connect_directly();
    conn.batch_execute(create).unwrap();
    (db, conn)
}

/// Children of the parent 1, but for one.
fn children(rows: i64, orphan: Option<i64>) -> Vec<Child> {
    let parent = |id| Some(if Some(id) == orphan { 404 } else { 1 });
    let child = |id| Child {
        id,
        parent: parent(id),
    };
    (1..=rows).map(child).collect()
}

fn csv(children: &[Child]) -> FixtureSource<'static> {
    let line = |child: &Child| format!("{},{}\n", child.id, child.parent.unwrap());
    let lines: String = children.iter().map(line).collect();
    FixtureSource::reader(
        "children.csv",
        std::io::Cursor::new(format!("id,parent\n{lines}")),
    )
}

fn is_of_row(error: &SeedError, at: usize) -> bool {
    matches!(error, SeedError::Row { table, row, .. } if table == "children" && *row == at)
}

#[test]
fn a_row_without_its_parent_is_named() {
    let (_db, mut conn) = db(TABLES);
    for (rows, orphan) in [(3, 2), (300, 299), (20_000, 9_000)] {
        for on_conflict in [OnConflict::Skip, OnConflict::Fail] {
            for is_file in [false, true] {
                for present in [0, 1] {
                    conn.batch_execute(&format!(
                        "DELETE FROM children;
                         INSERT INTO children SELECT 0, 1 WHERE {present} = 1"
                    ))
                    .unwrap();
                    let wrong = children(rows, Some(orphan));
                    let right = children(rows, None);
                    let seed = |rows: &[Child]| {
                        let seed = Seed::new().on_conflict(on_conflict);
                        match is_file {
                            true => seed.fixture("children", csv(rows)),
                            false => seed.rows(rows.to_vec()),
                        }
                    };
                    let error = seed(&wrong).run(&mut conn).unwrap_err();
                    let at = usize::try_from(orphan).unwrap();
                    assert!(is_of_row(&error, at), "{rows}: {error:?}");
                    assert_eq!(count(&mut conn, "children"), present);
                    let summary = seed(&right).run(&mut conn).unwrap();
                    assert_eq!(i64::try_from(summary.inserted()), Ok(rows));
                }
            }
        }
    }
}

/// Which such a constraint is for.
#[test]
fn children_may_come_before_their_parents() {
    let (_db, mut conn) = db(TABLES);
    let parents = [Parent { id: 2 }, Parent { id: 3 }];
    let rows = |last| {
        [(1, 2), (2, 1), (3, last)].map(|(id, parent)| Child {
            id,
            parent: Some(parent),
        })
    };
    let (wrong, right) = (rows(404), rows(3));
    let error = Seed::new().table(&wrong).table(&parents).run(&mut conn);
    let error = error.unwrap_err();
    assert!(is_of_row(&error, 3), "{error:?}");
    let summary = Seed::new().table(&right).table(&parents).run(&mut conn);
    assert_eq!(summary.unwrap().inserted(), 5);
}

#[test]
fn a_role_that_may_not_create_temporary_tables_seeds_children_first() {
    let (db, mut conn) = db(TABLES);
    let database = db.url().rsplit('/').next().unwrap().to_owned();
    conn.batch_execute(&format!(
        "REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC;
         CREATE ROLE covara_test_deferring; GRANT ALL ON parents, children TO covara_test_deferring;
         SET ROLE covara_test_deferring"
    ))
    .unwrap();
    let parents = [Parent { id: 2 }];
    for count in [3, 300] {
        let mut rows = children(count, Some(2));
        let wrong = Seed::new().table(&rows).table(&parents).run(&mut conn);
        let error = wrong.unwrap_err();
        assert!(
            matches!(&error, SeedError::Rows { table, .. } if table == "children"),
            "{error:?}"
        );
        rows[1].parent = Some(2);
        let right = Seed::new().table(&rows).table(&parents).run(&mut conn);
        right.unwrap();
        conn.batch_execute("DELETE FROM children; DELETE FROM parents WHERE id = 2")
            .unwrap();
    }
    conn.batch_execute(
        "RESET ROLE; DROP OWNED BY covara_test_deferring; DROP ROLE covara_test_deferring",
    )
    .unwrap();
}

/// The trigger adds the parents after the row that needs them.
#[test]
fn triggers_may_still_satisfy_the_constraint() {
    let (_db, mut conn) = db(&format!(
        "{TABLES};
         CREATE TABLE events (id BIGINT PRIMARY KEY, parent BIGINT);
         CREATE FUNCTION adopt() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
             INSERT INTO parents VALUES (NEW.parent); RETURN NULL; END$$;
         CREATE TRIGGER adopt AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION adopt()"
    ));
    let rows = children(3, Some(2));
    let events = |parent: i64| {
        let line = format!("id,parent\n1,{parent}\n");
        FixtureSource::reader("events.csv", std::io::Cursor::new(line))
    };
    let seed = |parent| Seed::new().table(&rows).fixture("events", events(parent));
    let error = seed(7).run(&mut conn).unwrap_err();
    assert!(
        matches!(&error, SeedError::Rows { table, first: 1, last: 3, .. } if table == "children"),
        "{error:?}"
    );
    assert!(chain(&error).contains("children_parent_fkey"), "{error:?}");
    assert_eq!(count(&mut conn, "events"), 0);
    assert_eq!(seed(404).run(&mut conn).unwrap().inserted(), 4);
}

#[test]
fn a_value_that_is_there_twice_is_noticed_before_the_commit() {
    const UNIQUE: &str = "CREATE TABLE children (
            id BIGINT UNIQUE DEFERRABLE INITIALLY DEFERRED, parent BIGINT)";
    let (_db, mut conn) = db(UNIQUE);
    let mut rows = children(3, None);
    rows[2].id = 1;
    let seed = |way| Seed::new().table(&rows).on_conflict(way);
    let error = seed(OnConflict::Fail).run(&mut conn).unwrap_err();
    assert!(
        matches!(&error, SeedError::Conflict { table, row: 3, .. } if table == "children"),
        "{error:?}"
    );
    let error = seed(OnConflict::Skip).run(&mut conn).unwrap_err();
    assert!(
        matches!(&error, SeedError::Rows { table, .. } if table == "children"),
        "{error:?}"
    );
    assert_eq!(count(&mut conn, "children"), 0);
}

/// Two rows that change places.
#[test]
fn updates_may_violate_the_constraint_on_the_way() {
    let (_db, mut conn) = db("CREATE TABLE children (id BIGINT PRIMARY KEY,
             parent BIGINT UNIQUE DEFERRABLE INITIALLY DEFERRED);
         INSERT INTO children VALUES (1, 10), (2, 20)");
    let swapped = |second| {
        [(1, 20), (2, second)].map(|(id, parent)| Child {
            id,
            parent: Some(parent),
        })
    };
    let (wrong, right) = (swapped(20), swapped(10));
    let seed = |rows| Seed::new().table(rows).on_conflict(OnConflict::Update);
    let error = seed(&wrong).run(&mut conn).unwrap_err();
    assert!(
        matches!(&error, SeedError::Rows { table, .. } if table == "children"),
        "{error:?}"
    );
    assert_eq!(seed(&right).run(&mut conn).unwrap().updated(), 2);
}

#[test]
fn in_a_transaction_of_the_callers_the_constraint_stays_deferred() {
    let (_db, mut conn) = db(TABLES);
    let orphan = [Child {
        id: 1,
        parent: Some(2),
    }];
    let kept = conn.transaction(|conn| {
        Child::seed(conn, &orphan).unwrap();
        conn.batch_execute(
            "INSERT INTO children VALUES (2, 3); INSERT INTO parents VALUES (2), (3)",
        )
    });
    kept.unwrap();
    assert_eq!(count(&mut conn, "children"), 2);
    conn.batch_execute("DELETE FROM children; DELETE FROM parents")
        .unwrap();
    let lost = conn.transaction(|conn| {
        Child::seed(conn, &orphan).unwrap();
        QueryResult::Ok(())
    });
    lost.unwrap_err();
    assert_eq!(count(&mut conn, "children"), 0);
}
