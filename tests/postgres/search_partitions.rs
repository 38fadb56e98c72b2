//! Partitions, and tables that inherit, that come and go between two boots.

use covara_diesel::search::{Cause, Followed};
use diesel::prelude::*;
use support::postgres::TestDb;

use super::search_owners::{follow, found, run};
use crate::suite::number;

const PARTITIONED: &str = "
    CREATE TABLE places (id BIGINT PRIMARY KEY, name TEXT NOT NULL) PARTITION BY RANGE (id);
    CREATE TABLE places_1 PARTITION OF places FOR VALUES FROM (0) TO (100);
    CREATE TABLE places_2 PARTITION OF places FOR VALUES FROM (100) TO (300) PARTITION BY RANGE (id);
    CREATE TABLE places_2a PARTITION OF places_2 FOR VALUES FROM (100) TO (200);
    INSERT INTO places VALUES (1, 'one'), (101, 'two')";

const NEW: &str = "
    CREATE TABLE places_3 PARTITION OF places FOR VALUES FROM (300) TO (400);
    INSERT INTO places VALUES (301, 'gone')";

fn followed(create: &str) -> (TestDb, PgConnection) {
    let db = TestDb::new();
    let mut conn = db.connect_directly();
    run(&mut conn, create);
    assert_eq!(follow(&mut conn).unwrap(), Followed::Created);
    assert_eq!(follow(&mut conn).unwrap(), Followed::Unchanged);
    (db, conn)
}

fn assert_mended(conn: &mut PgConnection, what: &str) {
    let mended = Followed::Mended(Cause::Partitions);
    assert_eq!(follow(conn).unwrap(), mended, "{what}");
    assert_eq!(follow(conn).unwrap(), Followed::Unchanged, "{what}");
}

#[test]
fn a_partition_that_was_made_filled_and_dropped_is_noticed() {
    for drop in [
        "DROP TABLE places_3",
        "ALTER TABLE places DETACH PARTITION places_3",
        "ALTER TABLE places DETACH PARTITION places_3; DROP TABLE places_3",
    ] {
        let (_db, mut conn) = followed(PARTITIONED);
        let conn = &mut conn;
        run(conn, NEW);
        assert_eq!(found(conn, "gone"), ["301"]);
        run(conn, drop);
        assert_mended(conn, drop);
        assert_eq!(found(conn, "gone"), [""; 0], "{drop}");
        assert_eq!(found(conn, "one"), ["1"], "{drop}");
    }
    // One below another, and several.
    let (_db, mut conn) = followed(PARTITIONED);
    let conn = &mut conn;
    for _ in 0..2 {
        run(
            conn,
            "CREATE TABLE places_2b PARTITION OF places_2 FOR VALUES FROM (200) TO (300);
             INSERT INTO places SELECT n, 'gone' FROM generate_series(200, 299) AS n",
        );
        run(conn, NEW);
        assert_eq!(found(conn, "gone").len(), 20, "a page of them");
        run(conn, "DROP TABLE places_2b, places_3");
        assert_mended(conn, "several");
        assert_eq!(found(conn, "gone"), [""; 0]);
        assert_eq!(
            number(conn, "SELECT count(*) AS n FROM __covara_search_1"),
            2
        );
    }
}

#[test]
fn marks_of_partitions_are_no_notes() {
    let (_db, mut conn) = followed(PARTITIONED);
    let conn = &mut conn;
    run(
        conn,
        &format!("{NEW}; INSERT INTO places SELECT n, 'many' FROM generate_series(302, 399) AS n"),
    );
    let refresh = |conn: &mut PgConnection| {
        use covara_diesel::search::{PostgresFts, SearchAdapter};
        PostgresFts.refresh(conn, "places").unwrap()
    };
    assert_eq!(refresh(conn), 99);
    assert_eq!(refresh(conn), 0);
    run(conn, "UPDATE places SET name = 'again' WHERE id = 301");
    assert_eq!(refresh(conn), 1);
    assert_eq!(refresh(conn), 0);
    let left = number(conn, "SELECT count(*) AS n FROM __covara_search_1_notes");
    assert_eq!(left, 1, "one for the partition");
    assert_mended(conn, "new");
    let left = number(conn, "SELECT count(*) AS n FROM __covara_search_1_notes");
    assert_eq!(left, 0);
}

#[test]
fn a_partition_that_was_changed_while_it_was_detached_is_noticed() {
    for (detach, attach) in [
        (
            "ALTER TABLE places DETACH PARTITION places_1",
            "ALTER TABLE places ATTACH PARTITION places_1 FOR VALUES FROM (0) TO (100)",
        ),
        (
            "ALTER TABLE places DETACH PARTITION places_1 CONCURRENTLY",
            "ALTER TABLE places ATTACH PARTITION places_1 FOR VALUES FROM (0) TO (100)",
        ),
        (
            "ALTER TABLE places DETACH PARTITION places_2",
            "ALTER TABLE places ATTACH PARTITION places_2 FOR VALUES FROM (100) TO (300)",
        ),
        (
            "ALTER TABLE places_2 DETACH PARTITION places_2a",
            "ALTER TABLE places_2 ATTACH PARTITION places_2a FOR VALUES FROM (100) TO (200)",
        ),
    ] {
        let (_db, mut conn) = followed(PARTITIONED);
        let conn = &mut conn;
        assert_eq!(found(conn, "one"), ["1"]);
        run(conn, detach);
        let (part, row) = match detach.contains("places_1") {
            true => ("places_1", "2, 'added'"),
            false => ("places_2a", "102, 'added'"),
        };
        run(
            conn,
            &format!(
                "UPDATE {part} SET name = 'changed'; INSERT INTO {part} VALUES ({row}); {attach}"
            ),
        );
        assert_mended(conn, detach);
        assert_eq!(found(conn, "changed").len(), 1, "{detach}");
        assert_eq!(found(conn, "added").len(), 1, "{detach}");
        assert_eq!(
            number(conn, "SELECT count(*) AS n FROM __covara_search_1"),
            3
        );
    }
}

#[test]
fn a_table_that_inherited_again_is_noticed() {
    let (_db, mut conn) = followed(
        "CREATE TABLE places (id BIGINT PRIMARY KEY, name TEXT NOT NULL);
         CREATE TABLE towns (mayor TEXT) INHERITS (places);
         INSERT INTO towns VALUES (1, 'one', 'ada'), (2, 'two', 'ada')",
    );
    let conn = &mut conn;
    run(
        conn,
        "ALTER TABLE towns NO INHERIT places; UPDATE towns SET name = 'changed' WHERE id = 1",
    );
    assert_eq!(found(conn, "changed"), [""; 0]);
    run(conn, "ALTER TABLE towns INHERIT places");
    assert_mended(conn, "inherit");
    assert_eq!(found(conn, "changed"), ["1"]);
    assert_eq!(found(conn, "two"), ["2"]);
}

#[test]
fn partitions_that_were_only_used_are_as_they_were() {
    let (_db, mut conn) = followed(PARTITIONED);
    let conn = &mut conn;
    run(
        conn,
        "INSERT INTO places_1 VALUES (3, 'three'); UPDATE places SET id = 103 WHERE id = 3;
         TRUNCATE places_2a; CREATE INDEX ON places (name); ANALYZE places;
         ALTER TABLE places_1 ALTER name SET STATISTICS 10",
    );
    // Of no transaction block each.
    for tidy in [
        "VACUUM FULL places_1",
        "CLUSTER places_1 USING places_1_pkey",
        "VACUUM FREEZE pg_inherits",
        "VACUUM FULL pg_inherits",
        "REINDEX TABLE pg_inherits",
    ] {
        run(conn, tidy);
        assert_eq!(follow(conn).unwrap(), Followed::Unchanged, "{tidy}");
    }
    assert_eq!(found(conn, "one"), ["1"]);
}

#[test]
fn late_partitions_of_a_followed_partition_are_noted() {
    let below = "
        CREATE TABLE world (id BIGINT NOT NULL, name TEXT NOT NULL) PARTITION BY RANGE (id);
        CREATE TABLE places PARTITION OF world (PRIMARY KEY (id)) FOR VALUES FROM (0) TO (1000)
            PARTITION BY RANGE (id);
        CREATE TABLE places_1 PARTITION OF places FOR VALUES FROM (0) TO (100);
        INSERT INTO world VALUES (1, 'one')";
    let attached = "
        CREATE TABLE world (id BIGINT NOT NULL, name TEXT NOT NULL) PARTITION BY RANGE (id);
        ALTER TABLE world ATTACH PARTITION places FOR VALUES FROM (0) TO (1000)";
    for (create, later) in [(below, ""), (PARTITIONED, attached)] {
        let (_db, mut conn) = followed(create);
        let conn = &mut conn;
        if !later.is_empty() {
            run(conn, later);
        }
        run(conn, NEW);
        assert_eq!(found(conn, "gone"), ["301"], "{later}");
        // A row that moves to the late partition.
        run(
            conn,
            "UPDATE places SET id = 302, name = 'moved' WHERE id = 1",
        );
        assert_eq!(found(conn, "moved"), ["302"], "{later}");
        assert_eq!(found(conn, "one"), [""; 0], "{later}");
    }
}

#[test]
fn serializable_writes_to_a_late_partition_do_not_exclude_each_other() {
    let (db, mut conn) = followed(PARTITIONED);
    let conn = &mut conn;
    run(
        conn,
        "CREATE TABLE places_3 PARTITION OF places FOR VALUES FROM (300) TO (400)",
    );
    for ids in [[301, 302], [303, 304]] {
        let mut writers = [db.connect_directly(), db.connect_directly()];
        for (writer, id) in writers.iter_mut().zip(ids) {
            run(
                writer,
                &format!(
                    "BEGIN ISOLATION LEVEL SERIALIZABLE; INSERT INTO places VALUES ({id}, 'both')"
                ),
            );
        }
        for writer in &mut writers {
            run(writer, "COMMIT");
        }
    }
    assert_eq!(found(conn, "both"), ["301", "302", "303", "304"]);
    assert_mended(conn, "the late partition");
}
