//! The ways PostgreSQL takes a seed's rows, COPY and the stage among them, and that each
//! gives what plain inserts give.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};

use covara_diesel::fixture::FixtureSource;
use covara_diesel::pool::{self, PoolDriver};
use covara_diesel::seed::SeedRow;
use covara_diesel::{DatabaseConnection, Seed, Seedable};
use diesel::connection::{InstrumentationEvent, SimpleConnection};
use diesel::prelude::*;
use support::numbers::{self, Number};
use support::postgres::TestDb;

use crate::suite::{count, number};

/// The fast ways are really taken, over a plain and a pooled connection.
#[test]
fn an_empty_table_is_filled_by_copy_and_a_full_one_through_the_stage() {
    fn check<C>(conn: &mut C)
    where
        C: DatabaseConnection,
        Number: SeedRow<C::Backend>,
    {
        let copies = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&copies);
        conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
            if let InstrumentationEvent::StartQuery { query, .. } = event {
                let query = query.to_string();
                if query.starts_with("COPY ") {
                    seen.lock().unwrap().push(query);
                }
            }
        });
        let rows: Vec<Number> = numbers::up_to(10_000).collect();
        Number::seed(conn, &rows).unwrap();
        let into_table = std::mem::take(&mut *copies.lock().unwrap());
        assert_eq!(into_table.len(), 2, "{into_table:?}");
        assert!(
            into_table
                .iter()
                .all(|copy| copy.starts_with("COPY \"numbers\""))
        );
        Number::seed(conn, &rows).unwrap();
        let into_stage = std::mem::take(&mut *copies.lock().unwrap());
        assert_eq!(into_stage.len(), 2, "{into_stage:?}");
        assert!(
            into_stage
                .iter()
                .all(|copy| copy.starts_with("COPY pg_temp."))
        );
    }

    let plain = TestDb::new();
    plain.connect().batch_execute(numbers::CREATE).unwrap();
    check(&mut plain.connect());

    let pooled = TestDb::new();
    pooled.connect().batch_execute(numbers::CREATE).unwrap();
    let pool = pool::postgres(pooled.url(), PoolDriver::Hyperdrive).unwrap();
    check(&mut pool.get().unwrap());
}

/// A re-seed is no reason for the server to log errors.
#[test]
fn seeding_again_violates_nothing() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(numbers::CREATE).unwrap();
    let rows: Vec<Number> = numbers::up_to(3000).collect();
    Number::seed(&mut conn, &rows).unwrap();
    conn.set_instrumentation(|event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::FinishQuery {
            error: Some(error), ..
        } = event
        {
            panic!("{error}");
        }
    });
    assert_eq!(Number::seed(&mut conn, &rows).unwrap().skipped(), 3000);
}

/// Each table does something to its rows that a short cut could pass over.
#[test]
fn every_kind_of_table_is_seeded_like_a_plain_one() {
    let plain =
        "CREATE TABLE numbers (id BIGINT PRIMARY KEY, label TEXT NOT NULL UNIQUE, half BIGINT)";
    let kinds = [
        plain.to_owned(),
        "CREATE TABLE numbers (id BIGINT NOT NULL, label TEXT NOT NULL, half BIGINT)
             PARTITION BY RANGE (id);
         CREATE TABLE low PARTITION OF numbers (PRIMARY KEY (id), UNIQUE (label))
             FOR VALUES FROM (0) TO (5000);
         CREATE TABLE high PARTITION OF numbers (PRIMARY KEY (id), UNIQUE (label)) DEFAULT"
            .to_owned(),
        format!("{plain}; ALTER TABLE numbers ADD twice BIGINT GENERATED ALWAYS AS (id * 2) STORED"),
        format!("{plain}; CREATE UNIQUE INDEX ON numbers (lower(label)); CREATE UNIQUE INDEX ON numbers (half) WHERE half > 0"),
        format!("{plain}; CREATE UNIQUE INDEX ON numbers (half) NULLS DISTINCT"),
        format!(
            "{plain}; CREATE TABLE log (id BIGINT);
             CREATE RULE logged AS ON INSERT TO numbers DO ALSO INSERT INTO log VALUES (NEW.id)"
        ),
        format!(
            "{plain}; CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN NEW.label := NEW.label || ''; RETURN NEW; END $$;
             CREATE TRIGGER stamped BEFORE INSERT ON numbers FOR EACH ROW EXECUTE FUNCTION stamp()"
        ),
        "CREATE TABLE base (id BIGINT PRIMARY KEY, label TEXT NOT NULL UNIQUE, half BIGINT);
         CREATE VIEW numbers AS SELECT * FROM base".to_owned(),
        "CREATE UNLOGGED TABLE numbers (id BIGINT PRIMARY KEY, label TEXT NOT NULL UNIQUE, half BIGINT)".to_owned(),
    ];
    for ddl in kinds {
        let db = TestDb::new();
        let mut conn = db.connect();
        conn.batch_execute(&ddl).unwrap();
        let rows: Vec<Number> = numbers::up_to(10_000).collect();
        let first = Number::seed(&mut conn, &rows[..9000]).unwrap();
        assert_eq!((first.inserted(), first.skipped()), (9000, 0), "{ddl}");
        if ddl.contains("RULE") {
            assert_eq!(count(&mut conn, "log"), 9000, "the rule has seen every row");
            continue; // ON CONFLICT is not possible on a table with INSERT rules.
        }
        let second = Number::seed(&mut conn, &rows).unwrap();
        assert_eq!((second.inserted(), second.skipped()), (1000, 9000), "{ddl}");
        let stored: Vec<Number> = numbers::numbers::table
            .order(numbers::numbers::id)
            .load(&mut conn)
            .unwrap();
        assert!(stored == rows, "{ddl}");
    }
}

/// A conflict in the middle of an empty table's first seed, near every boundary.
#[test]
fn the_first_conflict_ends_the_copy_and_loses_no_row() {
    for at in [
        1, 2, 1023, 1024, 1025, 4095, 4096, 4097, 8192, 16_384, 19_999,
    ] {
        let db = TestDb::new();
        let mut conn = db.connect();
        conn.batch_execute(numbers::CREATE).unwrap();
        let mut rows: Vec<Number> = numbers::up_to(20_000).collect();
        rows[at].label = rows[0].label.clone();
        let summary = Number::seed(&mut conn, &rows).unwrap();
        assert_eq!((summary.inserted(), summary.skipped()), (19_999, 1), "{at}");
        let stored: Vec<i64> = numbers::numbers::table
            .select(numbers::numbers::id)
            .order(numbers::numbers::id)
            .load(&mut conn)
            .unwrap();
        rows.remove(at);
        assert!(
            stored.into_iter().eq(rows.into_iter().map(|row| row.id)),
            "{at}"
        );
    }
}

/// Rows told apart many at once by a join, and one by one by `ON CONFLICT`, must be the same
/// for every kind of unique index that `=` could get wrong.
#[test]
fn the_join_and_on_conflict_insert_the_same_rows() {
    let kinds = [
        "CREATE TABLE numbers (id BIGINT, label TEXT, half BIGINT, UNIQUE (id, label))",
        "CREATE TABLE numbers (id BIGINT, label TEXT, half BIGINT UNIQUE)",
        "CREATE TABLE numbers (id BIGINT UNIQUE, label TEXT, half BIGINT UNIQUE NULLS NOT DISTINCT)",
        "CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
         CREATE TABLE numbers (id BIGINT UNIQUE, label TEXT COLLATE ci UNIQUE, half BIGINT)",
        "CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
         CREATE TABLE numbers (id BIGINT UNIQUE, label TEXT COLLATE ci, half BIGINT);
         CREATE UNIQUE INDEX ON numbers (label COLLATE \"C\")",
        "CREATE TABLE numbers (id BIGINT UNIQUE, label TEXT, half BIGINT);
         CREATE UNIQUE INDEX ON numbers (label text_pattern_ops) INCLUDE (half)",
        "CREATE TABLE numbers (id BIGINT UNIQUE, label TEXT, half BIGINT);
         CREATE UNIQUE INDEX ON numbers (lower(label));
         CREATE UNIQUE INDEX ON numbers (half) WHERE half < 50",
        "CREATE TABLE numbers (id BIGINT UNIQUE, label TEXT, half BIGINT);
         CREATE TABLE child () INHERITS (numbers);
         INSERT INTO child VALUES (3, 'of the child', 3), (4, 'of the child', 4)",
        "CREATE TABLE numbers (id BIGINT, label TEXT, half BIGINT, own SERIAL PRIMARY KEY);
         CREATE UNIQUE INDEX ON numbers (half, own)",
        "CREATE TABLE numbers (id BIGINT PRIMARY KEY, label TEXT, half BIGINT);
         CREATE FUNCTION shift() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN NEW.id := NEW.id + 200; RETURN NEW; END $$;
         CREATE TRIGGER shifted BEFORE INSERT ON numbers FOR EACH ROW EXECUTE FUNCTION shift()",
        "CREATE TABLE numbers (id BIGINT, label TEXT, half BIGINT) PARTITION BY LIST (id);
         CREATE TABLE part PARTITION OF numbers (UNIQUE (label)) DEFAULT;
         CREATE FUNCTION shift() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN NEW.label := lower(NEW.label); RETURN NEW; END $$;
         CREATE TRIGGER shifted BEFORE INSERT ON part FOR EACH ROW EXECUTE FUNCTION shift()",
        "CREATE DOMAIN tag AS TEXT CHECK (value <> '');
         CREATE TABLE numbers (id BIGINT UNIQUE, label tag UNIQUE, half BIGINT)",
        "CREATE TABLE numbers (id BIGINT PRIMARY KEY, label VARCHAR(40) UNIQUE, half BIGINT,
                               EXCLUDE USING btree (half WITH =))",
    ];
    let row = |id: i64, label: String, half| Number { id, label, half };
    let present: Vec<Number> = (0..300)
        .map(|n| row(n * 3, format!("Label {}", n * 2), (n % 3 > 0).then_some(n)))
        .collect();
    let mut given: Vec<Number> = (0..900)
        .map(|n| {
            let label = if n % 2 == 0 {
                format!("label {n}")
            } else {
                format!("LABEL {}", n / 2)
            };
            row(n % 700, label, (n % 5 > 0).then_some(n % 400))
        })
        .collect();
    given.extend_from_slice(&present[..100]);
    for ddl in kinds {
        let outcomes = [50, 1_000_000].map(|chunk| {
            let db = TestDb::new();
            let mut conn = db.connect();
            conn.batch_execute(ddl).unwrap();
            Number::seed(&mut conn, &present).unwrap();
            let summary = Seed::new()
                .chunk_rows(NonZeroUsize::new(chunk).unwrap())
                .table(&given)
                .run(&mut conn)
                .unwrap_or_else(|error| panic!("{ddl}: {error:?}"));
            let stored: Vec<Number> = numbers::numbers::table
                .select(numbers::numbers::all_columns)
                .order((
                    numbers::numbers::id,
                    numbers::numbers::label,
                    numbers::numbers::half,
                ))
                .load(&mut conn)
                .unwrap();
            let left = number(
                &mut conn,
                "SELECT count(*) AS n FROM pg_class WHERE relname = '__covara_seed'",
            );
            assert_eq!(left, 0, "the temporary table is gone");
            (summary, stored)
        });
        assert!(outcomes[0].0.skipped() > 0 || ddl.contains("own"), "{ddl}");
        assert_eq!(outcomes[0].0, outcomes[1].0, "{ddl}");
        assert!(outcomes[0].1 == outcomes[1].1, "{ddl}");
    }
}

#[test]
fn a_role_without_temporary_tables_can_seed() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(numbers::CREATE).unwrap();
    conn.batch_execute(
        "DO $$ BEGIN EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database()); END $$;
         CREATE ROLE covara_test_no_temp;
         GRANT SELECT, INSERT ON numbers TO covara_test_no_temp;
         SET ROLE covara_test_no_temp",
    )
    .unwrap();
    let rows: Vec<Number> = numbers::up_to(20_000).collect();
    assert_eq!(Number::seed(&mut conn, &rows[..10]).unwrap().inserted(), 10);
    let summary = Number::seed(&mut conn, &rows).unwrap();
    assert_eq!((summary.inserted(), summary.skipped()), (19_990, 10));
    conn.batch_execute(
        "RESET ROLE; DROP OWNED BY covara_test_no_temp; DROP ROLE covara_test_no_temp",
    )
    .unwrap();
}

/// Of the types that Diesel does not have, what a file writes is copied, too, and is what the server
/// reads from the text. What only the server can read goes by INSERT.
#[test]
fn texts_of_files_are_copied_as_the_server_reads_them() {
    const NUMBERS: [&str; 24] = [
        "0",
        "-0",
        "+1",
        "00012",
        "12345678901234567890.123456789",
        "0.00001",
        "-0.1000",
        "1e3",
        "1.50e-3",
        "12.5E2",
        "9999.9999",
        "10000",
        "10000.0001",
        "0.000000000000",
        "1.",
        ".5",
        "1e-05",
        "-123456.7",
        "100000000",
        "0e5",
        "5e0",
        "1.2345e2",
        "-.00012300",
        "99999999e-4",
    ];
    const ONLY_READ: [&str; 2] = ["NaN", " 7 "];
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(
        "CREATE TYPE mood AS ENUM ('happy', 'not so happy');
         CREATE DOMAIN fine AS mood;
         CREATE TABLE things (id BIGINT PRIMARY KEY, text TEXT, number NUMERIC,
             scaled NUMERIC(40, 9), code UUID, mood mood, fine fine)",
    )
    .unwrap();
    let copies = Arc::new(Mutex::new(0));
    let seen = Arc::clone(&copies);
    conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            *seen.lock().unwrap() += usize::from(query.to_string().starts_with("COPY "));
        }
    });
    let mut csv = |numbers: &[&str], code: &str| {
        let mut csv = "id,text,number,scaled,code,mood,fine\n".to_owned();
        for (id, number) in numbers.iter().enumerate() {
            let mood = ["happy", "not so happy", ""][id % 3];
            csv.push_str(&format!(
                "{id},\"{number}\",{number},{number},{code},{mood},happy\n"
            ));
        }
        conn.batch_execute("TRUNCATE things").unwrap();
        *copies.lock().unwrap() = 0;
        let file = FixtureSource::reader("things.csv", std::io::Cursor::new(csv));
        let seeded = Seed::new().fixture("things", file).run(&mut conn);
        let wrong = "things WHERE number::text IS DISTINCT FROM text::numeric::text
             OR scaled::text IS DISTINCT FROM text::numeric(40, 9)::text
             OR code::text <> '00112233-4455-6677-8899-aabbccddeeff'
             OR mood::text IS DISTINCT FROM (ARRAY['happy', 'not so happy', NULL])[id % 3 + 1]";
        assert_eq!(count(&mut conn, wrong), 0);
        let rows = count(&mut conn, "things");
        (seeded, rows, *copies.lock().unwrap())
    };
    for code in [
        "00112233-4455-6677-8899-aabbccddeeff",
        "00112233445566778899AABBCCDDEEFF",
    ] {
        let (seeded, rows, copies) = csv(&NUMBERS, code);
        assert_eq!(seeded.unwrap().inserted(), NUMBERS.len());
        assert_eq!((rows, copies), (24, 1));
    }
    // One of them is not copied.
    let (seeded, ..) = csv(&ONLY_READ, "{00112233-4455-6677-8899-aabbccddeeff}");
    assert_eq!(seeded.unwrap().inserted(), ONLY_READ.len());
    let all: Vec<&str> = NUMBERS.into_iter().chain(ONLY_READ).collect();
    let (seeded, ..) = csv(&all, "00112233-4455-6677-8899-aabbccddeeff");
    assert_eq!(seeded.unwrap().inserted(), all.len());
    // Errors have their line.
    for (number, code) in [("1.2.3", "00112233445566778899AABBCCDDEEFF"), ("1", "0011")] {
        let (seeded, rows, _) = csv(&["1", "2", number], code);
        let error = crate::suite::chain(&seeded.unwrap_err());
        let line = if number == "1" { "line 2" } else { "line 4" };
        assert!(error.contains(line), "{error}");
        assert_eq!(rows, 0);
    }
}
