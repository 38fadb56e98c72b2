//! Seeds with PostgreSQL's roles, types and time limits.

use covara_diesel::fixture::FixtureSource;
use covara_diesel::{ErrorKind, Seed, SeedError, Seedable};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use support::numbers::{self, Number};
use support::postgres::TestDb;

use crate::suite::seed_references::chain;
use crate::suite::{count, number};

#[test]
fn a_value_too_long_for_its_column_names_the_row() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(
        "CREATE TABLE numbers (id BIGINT PRIMARY KEY, label VARCHAR(9) UNIQUE, half BIGINT)",
    )
    .unwrap();
    let rows: Vec<Number> = numbers::up_to(200).collect();
    let error = Number::seed(&mut conn, &rows).unwrap_err();
    assert!(
        matches!(error, SeedError::Row { row: 100, .. }),
        "{error:?}"
    );
    assert_eq!(count(&mut conn, "numbers"), 0);
}

#[test]
fn a_role_that_may_insert_but_not_read_can_seed() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(numbers::CREATE).unwrap();
    conn.batch_execute(
        "CREATE ROLE covara_test_writer;
         GRANT INSERT ON numbers TO covara_test_writer;
         SET ROLE covara_test_writer",
    )
    .unwrap();
    let rows: Vec<Number> = numbers::up_to(3000).collect();
    assert_eq!(Number::seed(&mut conn, &rows).unwrap().inserted(), 3000);
    assert_eq!(Number::seed(&mut conn, &rows).unwrap().skipped(), 3000);
    conn.batch_execute(
        "RESET ROLE; DROP OWNED BY covara_test_writer; DROP ROLE covara_test_writer",
    )
    .unwrap();
}

const NODES: &str = "
    CREATE TABLE nodes (
        id BIGINT PRIMARY KEY, parent BIGINT REFERENCES nodes DEFERRABLE, other BIGINT
    )";

#[test]
fn a_role_that_may_not_create_temporary_tables_is_told_so_where_they_are_needed() {
    let db = TestDb::new();
    let mut conn = db.connect_directly();
    let database = db.url().rsplit('/').next().unwrap().to_owned();
    conn.batch_execute(&format!(
        "{NODES}; REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC;
         CREATE ROLE covara_test_untemporary; GRANT ALL ON nodes TO covara_test_untemporary;
         SET ROLE covara_test_untemporary"
    ))
    .unwrap();
    for count in [3, 300] {
        let rows = chain(count);
        let reversed = rows.iter().rev().copied().collect::<Vec<_>>();
        let seed = Seed::new().chunk_rows(2.try_into().unwrap());
        let error = seed.rows(reversed).run(&mut conn).unwrap_err();
        assert!(matches!(&error, SeedError::NoStage { table, .. } if table == "nodes"));
        let text = crate::suite::chain(&error);
        assert!(text.contains("permission denied"), "{text}");
        // In the order of their references, and a row that refers to nothing at all.
        Seed::new().rows(rows.clone()).run(&mut conn).unwrap();
        conn.batch_execute("DELETE FROM nodes").unwrap();
    }
    conn.batch_execute(
        "RESET ROLE; DROP OWNED BY covara_test_untemporary; DROP ROLE covara_test_untemporary",
    )
    .unwrap();
}

#[test]
fn a_table_that_a_seed_has_twice_is_named_when_its_rows_refer_to_nothing() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(NODES).unwrap();
    let mut second = chain(6).split_off(3);
    second[1].parent = Some(404_404);
    for rows in [2, 3] {
        let mut first = chain(3);
        first.reverse();
        let error = Seed::new()
            .rows(first)
            .rows(second[..rows].to_vec())
            .run(&mut conn)
            .unwrap_err();
        let named = matches!(
            &error,
            SeedError::Row { table, .. } | SeedError::Rows { table, .. } if table == "nodes"
        );
        assert!(named, "{error:?}");
        assert_eq!(count(&mut conn, "nodes"), 0);
    }
}

#[test]
fn row_level_security_is_obeyed() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(numbers::CREATE).unwrap();
    conn.batch_execute(
        "CREATE ROLE covara_test_secured;
         GRANT SELECT, INSERT ON numbers TO covara_test_secured;
         ALTER TABLE numbers ENABLE ROW LEVEL SECURITY;
         CREATE POLICY readable ON numbers FOR SELECT USING (true);
         CREATE POLICY small ON numbers FOR INSERT WITH CHECK (id <= 5000);
         SET ROLE covara_test_secured",
    )
    .unwrap();
    let rows: Vec<Number> = numbers::up_to(6000).collect();
    let error = Number::seed(&mut conn, &rows).unwrap_err();
    assert!(
        matches!(error, SeedError::Row { row: 5001, .. }),
        "{error:?}"
    );
    assert_eq!(
        Number::seed(&mut conn, &rows[..5000]).unwrap().inserted(),
        5000
    );
    conn.batch_execute(
        "RESET ROLE; DROP OWNED BY covara_test_secured; DROP ROLE covara_test_secured",
    )
    .unwrap();
}

mod custom {
    use std::io::Write;

    use diesel::deserialize::{self, FromSql, FromSqlRow};
    use diesel::expression::AsExpression;
    use diesel::pg::{Pg, PgValue};
    use diesel::serialize::{self, IsNull, Output, ToSql};
    use diesel::sql_types::SqlType;

    #[derive(SqlType, diesel::query_builder::QueryId)]
    #[diesel(postgres_type(name = "mood"))]
    pub struct MoodType;

    #[derive(Debug, Clone, Copy, PartialEq, AsExpression, FromSqlRow)]
    #[diesel(sql_type = MoodType)]
    pub enum Mood {
        Happy,
        Sad,
    }

    impl ToSql<MoodType, Pg> for Mood {
        fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
            out.write_all(match self {
                Self::Happy => b"happy",
                Self::Sad => b"sad",
            })?;
            Ok(IsNull::No)
        }
    }

    impl FromSql<MoodType, Pg> for Mood {
        fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
            match value.as_bytes() {
                b"happy" => Ok(Self::Happy),
                b"sad" => Ok(Self::Sad),
                other => Err(format!("no mood {other:?}").into()),
            }
        }
    }

    diesel::table! {
        use diesel::sql_types::{Array, BigInt};
        use super::MoodType;

        days (id) {
            id -> BigInt,
            mood -> MoodType,
            moods -> Array<MoodType>,
        }
    }
}
use custom::{Mood, days};

#[derive(Debug, Clone, PartialEq, Seedable, Queryable)]
#[diesel(table_name = days)]
struct Day {
    id: i64,
    mood: Mood,
    moods: Vec<Mood>,
}

#[test]
fn types_of_the_users_own_and_arrays_of_them_are_stored() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(
        "CREATE TYPE mood AS ENUM ('happy', 'sad');
         CREATE TABLE days (id BIGINT PRIMARY KEY, mood mood NOT NULL, moods mood[] NOT NULL)",
    )
    .unwrap();
    let given: Vec<Day> = (0..2000)
        .map(|id| Day {
            id,
            mood: if id % 2 == 0 { Mood::Happy } else { Mood::Sad },
            moods: vec![Mood::Sad; usize::try_from(id % 3).unwrap()],
        })
        .collect();
    assert_eq!(Day::seed(&mut conn, &given).unwrap().inserted(), 2000);
    let stored: Vec<Day> = days::table.order(days::id).load(&mut conn).unwrap();
    assert!(stored == given);
}

/// COPY takes bytes as they are, an insert converts: the values must be those of an insert.
#[test]
fn a_column_of_another_type_than_declared_gets_the_right_values() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(
        "CREATE TABLE numbers (id DOUBLE PRECISION PRIMARY KEY, label VARCHAR(40), half NUMERIC)",
    )
    .unwrap();
    let rows: Vec<Number> = numbers::up_to(10_000).collect();
    assert_eq!(
        Number::seed(&mut conn, &rows[..9_000]).unwrap().inserted(),
        9_000
    );
    assert_eq!(Number::seed(&mut conn, &rows).unwrap().inserted(), 1_000);
    let sum = number(
        &mut conn,
        "SELECT (sum(id) + sum(half))::bigint AS n FROM numbers",
    );
    let expected: i64 = rows.iter().map(|row| row.id + row.half.unwrap_or(0)).sum();
    assert_eq!(sum, expected);
}

#[test]
fn a_statement_the_server_cancels_is_no_fault_of_a_row() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(numbers::CREATE).unwrap();
    conn.batch_execute(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN PERFORM pg_sleep(0.01); RETURN NEW; END $$;
         CREATE TRIGGER slow BEFORE INSERT ON numbers FOR EACH ROW EXECUTE FUNCTION slow();
         SET statement_timeout = 200",
    )
    .unwrap();
    let rows: Vec<Number> = numbers::up_to(1000).collect();
    let error = Number::seed(&mut conn, &rows).unwrap_err();
    assert!(matches!(error, SeedError::Interrupted { .. }), "{error:?}");
    assert_eq!(count(&mut conn, "numbers"), 0);
}

#[test]
fn a_lost_connection_a_deadlock_and_a_conflict_have_kinds_of_their_own() {
    let db = TestDb::new();
    db.connect().batch_execute(numbers::CREATE).unwrap();
    // Ended by the server in the middle of the rows.
    for rows in [4, 20_000] {
        let mut conn = db.connect_directly();
        let mut killer = db.connect_directly();
        let pid = number(&mut conn, "SELECT pg_backend_pid()::bigint AS n");
        let rows = numbers::up_to(rows).inspect(|row| {
            if row.id == 3 {
                let kill = format!("SELECT pg_terminate_backend({pid}, 5000)");
                killer.batch_execute(&kill).unwrap();
            }
        });
        let error = Seed::new().rows(rows).run(&mut conn).unwrap_err();
        assert_eq!(error.kind(), Some(ErrorKind::ConnectionLost), "{error:?}");
    }
    // Raised by a trigger with the server's own code and words.
    for (code, words, kind) in [
        (
            "40001",
            "could not serialize access due to concurrent update",
            ErrorKind::Conflict,
        ),
        ("40P01", "deadlock detected", ErrorKind::Conflict),
        (
            "57014",
            "canceling statement due to user request",
            ErrorKind::Cancelled,
        ),
        (
            "55P03",
            "canceling statement due to lock timeout",
            ErrorKind::Locked,
        ),
    ] {
        let db = TestDb::new();
        let mut conn = db.connect_directly();
        conn.batch_execute(numbers::CREATE).unwrap();
        conn.batch_execute(&format!(
            "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN RAISE EXCEPTION '{words}' USING ERRCODE = '{code}'; END $$;
             CREATE TRIGGER fail BEFORE INSERT ON numbers FOR EACH ROW EXECUTE FUNCTION fail()"
        ))
        .unwrap();
        let error = Seed::new()
            .rows(numbers::up_to(3))
            .run(&mut conn)
            .unwrap_err();
        assert_eq!(error.kind(), Some(kind), "{error:?}");
    }
}

/// Rows of a table that inherits are not its parent's, and hidden rows are neither deleted by a
/// cascade nor taken for absent.
#[test]
fn a_replace_deletes_no_rows_of_children_and_none_that_are_hidden() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(
        "CREATE TABLE parents (id INTEGER PRIMARY KEY, v TEXT);
         CREATE TABLE heirs (x INTEGER) INHERITS (parents);
         INSERT INTO parents VALUES (1, 'a'); INSERT INTO heirs VALUES (50, 'heir', 1)",
    )
    .unwrap();
    let file = || FixtureSource::reader("parents.csv", "id,v\n2,b\n".as_bytes());
    let replace = |conn: &mut _| Seed::new().fixture("parents", file()).replace().run(conn);
    let summary = replace(&mut conn).unwrap();
    assert_eq!((summary.deleted(), summary.inserted()), (1, 1));
    assert_eq!(count(&mut conn, "heirs"), 1);
    conn.batch_execute(
        "DROP TABLE heirs;
         CREATE TABLE children (parent INTEGER REFERENCES parents ON DELETE CASCADE, who TEXT);
         INSERT INTO children VALUES (2, 'somebody');
         ALTER TABLE children ENABLE ROW LEVEL SECURITY;
         ALTER TABLE children FORCE ROW LEVEL SECURITY",
    )
    .unwrap();
    let role = format!("replacer_{}", std::process::id());
    conn.batch_execute(&format!(
        "CREATE ROLE {role}; GRANT ALL ON parents, children TO {role}; SET ROLE {role}"
    ))
    .unwrap();
    assert_eq!(count(&mut conn, "children"), 0, "hidden");
    let error = replace(&mut conn).unwrap_err();
    assert!(matches!(error, SeedError::Referred { .. }), "{error:?}");
    conn.batch_execute(&format!(
        "RESET ROLE; DROP OWNED BY {role}; DROP ROLE {role};
         ALTER TABLE children NO FORCE ROW LEVEL SECURITY"
    ))
    .unwrap();
    assert_eq!(count(&mut conn, "children"), 1);
}
