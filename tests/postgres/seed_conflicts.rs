//! Updates, conflicts and replacements on what only PostgreSQL has.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use covara_diesel::fixture::FixtureSource;
use covara_diesel::{KeyProblem, OnConflict, Seed, SeedError, SeedSummary};
use diesel::connection::{Connection, InstrumentationEvent, SimpleConnection};
use diesel::prelude::*;
use support::numbers::{self, Number, numbers as table};
use support::postgres::TestDb;

use crate::suite::{chain, count, number};

fn db(sql: &str) -> (TestDb, PgConnection) {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(sql).unwrap();
    (db, conn)
}

/// Inserted, updated, unchanged, deleted.
fn counts(summary: &SeedSummary) -> [usize; 4] {
    [
        summary.inserted(),
        summary.updated(),
        summary.unchanged(),
        summary.deleted(),
    ]
}

fn update_file(conn: &mut PgConnection, name: &str, csv: String) -> Result<SeedSummary, SeedError> {
    let source = FixtureSource::reader(format!("{name}.csv"), std::io::Cursor::new(csv));
    let seed = Seed::new().fixture(name, source);
    seed.on_conflict(OnConflict::Update).run(conn)
}

fn update(conn: &mut PgConnection, rows: &[Number]) -> Result<SeedSummary, SeedError> {
    let seed = Seed::new().table(rows).on_conflict(OnConflict::Update);
    seed.run(conn)
}

#[test]
fn types_without_equality_are_compared_by_their_bytes() {
    let (_db, mut conn) = db("CREATE TYPE mood AS ENUM ('sad', 'happy');
         CREATE TABLE odd (id BIGINT PRIMARY KEY, j JSON, p POINT, m mood, n NUMERIC, a JSON[])");
    for rows in [3_usize, 20_000] {
        conn.batch_execute("TRUNCATE odd").unwrap();
        let file = |n: &str| {
            let lines = (0..rows).map(|id| {
                let n = if id % 3 == 0 { n } else { "1.0" };
                format!("{id},\"{{\"\"a\"\": {id}}}\",\"(1,{id})\",sad,{n},\"{{1}}\"\n")
            });
            std::iter::once("id,j,p,m,n,a\n".to_owned())
                .chain(lines)
                .collect::<String>()
        };
        let third = rows.div_ceil(3);
        for (n, expected) in [
            ("1.0", [rows, 0, 0, 0]),
            ("1.0", [0, 0, rows, 0]),
            ("1.00", [0, third, rows - third, 0]),
        ] {
            let summary = update_file(&mut conn, "odd", file(n)).unwrap();
            assert_eq!(counts(&summary), expected, "{n}");
        }
    }
}

#[test]
fn rows_that_do_not_change_are_not_written() {
    let (_db, mut conn) = db(numbers::CREATE);
    let mut rows: Vec<Number> = numbers::up_to(10_000).collect();
    update(&mut conn, &rows).unwrap();
    conn.batch_execute("CREATE TABLE before AS SELECT id, ctid AS place, xmin::text AS x, xmax::text AS y FROM numbers")
        .unwrap();
    rows[77].half = Some(-1);
    let summary = update(&mut conn, &rows).unwrap();
    assert_eq!(counts(&summary), [0, 1, 9_999, 0]);
    let same = "numbers AS n JOIN before AS b USING (id)
                WHERE n.ctid = b.place AND n.xmin::text = b.x AND n.xmax::text = b.y";
    assert_eq!(count(&mut conn, same), 9_999);
}

#[test]
fn many_rows_with_repeated_keys_are_applied_in_their_order() {
    let (_db, mut conn) = db(numbers::CREATE);
    update(&mut conn, &numbers::up_to(1_000).collect::<Vec<_>>()).unwrap();
    // Each key five times, far from each other, and some beside each other.
    let rows: Vec<Number> = (0..30_000_i64)
        .map(|n| Number {
            id: if n % 100 < 3 { 7 } else { n % 6_000 },
            label: format!("label {}", if n % 100 < 3 { 7 } else { n % 6_000 }),
            half: Some(n),
        })
        .collect();
    let summary = update(&mut conn, &rows).unwrap();
    let keys: std::collections::BTreeMap<i64, i64> =
        rows.iter().map(|row| (row.id, row.half.unwrap())).collect();
    let new = keys.keys().filter(|id| !(1..=1_000).contains(*id)).count();
    assert_eq!(counts(&summary), [new, 30_000 - new, 0, 0]);
    let stored: Vec<(i64, Option<i64>)> = table::table
        .filter(table::id.eq_any(keys.keys()))
        .order(table::id)
        .select((table::id, table::half))
        .load(&mut conn)
        .unwrap();
    let expected: Vec<_> = keys
        .into_iter()
        .map(|(id, half)| (id, Some(half)))
        .collect();
    assert!(stored == expected);
}

/// Counts the statements of the connection.
fn counted(conn: &mut PgConnection) -> Arc<AtomicUsize> {
    let statements = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&statements);
    conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if matches!(event, InstrumentationEvent::StartQuery { .. }) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    });
    statements
}

/// Applies rows one after the other, and returns how many are inserted, updated and unchanged.
fn applied(stored: &mut BTreeMap<i64, Number>, rows: &[Number]) -> [usize; 4] {
    let mut counts = [0; 4];
    for row in rows {
        let before = stored.insert(row.id, row.clone());
        counts[match before {
            None => 0,
            Some(before) if before != *row => 1,
            Some(_) => 2,
        }] += 1;
    }
    counts
}

fn row_of(id: i64, label: String, half: i64) -> Number {
    Number {
        id,
        label,
        half: Some(half),
    }
}

#[test]
fn keys_that_are_there_twice_take_few_statements() {
    let (_db, mut conn) = db(numbers::CREATE);
    let before: Vec<Number> = numbers::up_to(10_000).collect();
    update(&mut conn, &before).unwrap();
    let mut stored = BTreeMap::new();
    applied(&mut stored, &before);
    let statements = counted(&mut conn);
    let label = |id: i64| format!("number {id}");
    let beside_each_other = (1..=20_000_i64).flat_map(|id| {
        // The second row of every third key changes nothing.
        [1, if id % 3 == 0 { 1 } else { 2 }].map(|half| row_of(id, label(id), half))
    });
    let one_key_often =
        (0..20_000).map(|n| row_of(n % 5_000 * (n % 2), label(n % 5_000 * (n % 2)), n));
    // Each key takes the unique value that the one before has given away.
    let moved = (1..=2_000)
        .flat_map(|id| [format!("left {id}"), label(id - 1)].map(|label| row_of(id, label, 0)));
    for (rows, most) in [
        (beside_each_other.collect::<Vec<_>>(), 300),
        (one_key_often.collect(), 25_000),
        (
            std::iter::once(row_of(0, "first".to_owned(), 0))
                .chain(moved)
                .collect(),
            25_000,
        ),
    ] {
        statements.store(0, Ordering::Relaxed);
        let seed = Seed::new().table(&rows).on_conflict(OnConflict::Update);
        let seed = seed.chunk_rows(NonZeroUsize::new(1_000).unwrap());
        let summary = seed.run(&mut conn).unwrap();
        assert_eq!(counts(&summary), applied(&mut stored, &rows));
        let used = statements.load(Ordering::Relaxed);
        assert!(used < most, "{used} statements");
        let found: Vec<Number> = table::table.order(table::id).load(&mut conn).unwrap();
        assert!(found.iter().eq(stored.values()));
    }
}

/// The index is created once for each of two stages, of which the first is kept.
#[test]
fn a_stage_after_one_that_is_kept_has_its_index() {
    let (_db, mut conn) = db("CREATE TABLE last (id BIGINT PRIMARY KEY, label TEXT);
         CREATE TABLE first (id BIGINT PRIMARY KEY, label TEXT,
             other BIGINT REFERENCES last DEFERRABLE);
         CREATE UNIQUE INDEX ON first ((id + 0)); CREATE UNIQUE INDEX ON last ((id + 0));
         CREATE TABLE made (name TEXT);
         CREATE FUNCTION note() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN
             INSERT INTO made SELECT object_identity FROM pg_event_trigger_ddl_commands(); END$$;
         CREATE EVENT TRIGGER note ON ddl_command_end WHEN TAG IN ('CREATE INDEX')
             EXECUTE FUNCTION note()");
    let file = |name: &str, columns: &str, other: fn(usize) -> String| {
        let rows = (0..2_000).map(|n| format!("{},x{n}{}\n", n / 2, other(n / 2)));
        let csv: String = std::iter::once(format!("id,label{columns}\n"))
            .chain(rows)
            .collect();
        FixtureSource::reader(format!("{name}.csv"), std::io::Cursor::new(csv))
    };
    let seed = Seed::new()
        .fixture("first", file("first", ",other", |n| format!(",{n}")))
        .fixture("last", file("last", "", |_| String::new()));
    let seed = seed.chunk_rows(NonZeroUsize::new(100).unwrap());
    let summary = seed.on_conflict(OnConflict::Update).run(&mut conn).unwrap();
    assert_eq!(counts(&summary), [2_000, 2_000, 0, 0]);
    assert_eq!(
        count(&mut conn, "made WHERE name LIKE '%__covara_seed_row'"),
        2
    );
}

#[test]
fn keys_that_postgres_cannot_use_are_errors() {
    let (_db, mut conn) =
        db("CREATE TABLE numbers (id BIGINT PRIMARY KEY DEFERRABLE, label TEXT, half BIGINT)");
    let rows: Vec<Number> = numbers::up_to(3).collect();
    match update(&mut conn, &rows).unwrap_err() {
        SeedError::Key {
            problem: KeyProblem::Deferrable,
            ..
        } => {}
        other => panic!("{}", chain(&other)),
    }
    conn.batch_execute("ALTER TABLE numbers RENAME TO others; CREATE VIEW numbers AS TABLE others")
        .unwrap();
    match update(&mut conn, &rows).unwrap_err() {
        SeedError::Key {
            problem: KeyProblem::Missing,
            ..
        } => {}
        other => panic!("{}", chain(&other)),
    }
    // A rule is the database's own error.
    conn.batch_execute(&format!(
        "DROP VIEW numbers; {}; CREATE RULE r AS ON UPDATE TO numbers DO ALSO SELECT 1",
        numbers::CREATE
    ))
    .unwrap();
    let error = update(&mut conn, &rows).unwrap_err();
    assert!(chain(&error).contains("rules"), "{}", chain(&error));
}

#[test]
fn odd_tables_are_updated_and_counted_exactly() {
    let columns = "label TEXT, half BIGINT";
    for create in [
        format!(
            "CREATE TABLE numbers (id BIGINT PRIMARY KEY, {columns}) PARTITION BY RANGE (id);
             CREATE TABLE numbers_a PARTITION OF numbers FOR VALUES FROM (0) TO (1000);
             CREATE TABLE numbers_b PARTITION OF numbers DEFAULT"
        ),
        format!(
            "CREATE TABLE numbers (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, {columns},
                 twice BIGINT GENERATED ALWAYS AS (half * 2) STORED)"
        ),
        // The trigger changes what is written, in a way that depends on when it runs.
        format!(
            "CREATE TABLE numbers (id BIGINT PRIMARY KEY, {columns}, runs BIGINT);
             CREATE SEQUENCE runs;
             CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
                 $$BEGIN NEW.runs := nextval('runs'); RETURN NEW; END$$;
             CREATE TRIGGER t BEFORE INSERT OR UPDATE ON numbers FOR EACH ROW
                 EXECUTE FUNCTION note()"
        ),
        format!(
            "CREATE TABLE numbers (id BIGINT PRIMARY KEY, {columns}, CHECK (half <> 5));
             ALTER TABLE numbers ENABLE ROW LEVEL SECURITY"
        ),
        format!("CREATE TABLE numbers (id BIGINT, {columns}, PRIMARY KEY (id) INCLUDE (label))"),
        format!("CREATE TABLE numbers (id NUMERIC PRIMARY KEY, {columns})"),
    ] {
        let (_db, mut conn) = db(&create);
        let mut rows: Vec<Number> = numbers::up_to(1_500).filter(|row| row.id != 10).collect();
        let update = |conn: &mut PgConnection, rows: &[Number]| {
            let seed = Seed::new().table(rows).on_conflict(OnConflict::Update);
            let seed = seed.chunk_rows(NonZeroUsize::new(600).unwrap());
            counts(&seed.run(conn).unwrap())
        };
        assert_eq!(update(&mut conn, &rows[..700]), [700, 0, 0, 0], "{create}");
        for row in &mut rows[..300] {
            row.label.push('!');
        }
        rows.push(rows[5].clone());
        assert_eq!(update(&mut conn, &rows), [799, 300, 401, 0], "{create}");
        assert_eq!(update(&mut conn, &rows), [0, 0, 1_500, 0], "{create}");
        assert_eq!(count(&mut conn, "numbers WHERE label LIKE '%!'"), 300);
    }
}

#[test]
fn nulls_that_are_not_distinct_are_one_key() {
    let (_db, mut conn) = db("CREATE TABLE keyed (a BIGINT, b BIGINT, v TEXT)");
    let version = number(
        &mut conn,
        "SELECT current_setting('server_version_num')::bigint AS n",
    );
    if version < 150_000 {
        return;
    }
    conn.batch_execute(
        "DROP TABLE keyed; CREATE TABLE users (id BIGINT GENERATED ALWAYS AS IDENTITY,
             tenant BIGINT, email TEXT, name TEXT, UNIQUE NULLS NOT DISTINCT (tenant, email))",
    )
    .unwrap();
    let user = |tenant, name: &str| User {
        tenant,
        email: Some("e".to_owned()),
        name: name.to_owned(),
    };
    for copies in [1, 700] {
        conn.batch_execute("TRUNCATE users").unwrap();
        let rows: Vec<User> = (0..copies)
            .flat_map(|n| {
                [
                    user(None, &format!("n{n}")),
                    user(Some(n), "s"),
                    user(None, "n"),
                ]
            })
            .collect();
        let seed = Seed::new().table(&rows).on_conflict(OnConflict::Update);
        let seed = seed.chunk_rows(NonZeroUsize::new(500).unwrap());
        let summary = seed.run(&mut conn).unwrap();
        let copies = usize::try_from(copies).unwrap();
        assert_eq!(counts(&summary), [1 + copies, 2 * copies - 1, 0, 0]);
    }
}

diesel::table! {
    users (id) {
        id -> BigInt,
        tenant -> Nullable<BigInt>,
        email -> Nullable<Text>,
        name -> Text,
    }
}

#[derive(covara_diesel::Seedable)]
#[diesel(table_name = users)]
#[seedable(conflict(tenant, email))]
struct User {
    tenant: Option<i64>,
    email: Option<String>,
    name: String,
}

#[test]
fn a_replacement_that_fails_leaves_the_sequences_as_they_were() {
    let (_db, mut conn) = db(
        "CREATE TABLE numbers (id BIGSERIAL PRIMARY KEY, label TEXT NOT NULL UNIQUE,
                                  half BIGINT);
         INSERT INTO numbers (label) VALUES ('a'), ('b'), ('c')",
    );
    let mut rows: Vec<Number> = numbers::up_to(10).collect();
    rows.push(rows[0].clone());
    let seed = Seed::new().table(&rows).replace();
    let error = seed
        .on_conflict(OnConflict::Fail)
        .run(&mut conn)
        .unwrap_err();
    assert!(
        matches!(error, SeedError::Conflict { row: 11, .. }),
        "{error:?}"
    );
    assert_eq!(
        number(&mut conn, "SELECT nextval('numbers_id_seq') AS n"),
        4
    );
    let none: [Number; 0] = [];
    let summary = Seed::new().table(&none).replace().run(&mut conn).unwrap();
    assert_eq!(summary.deleted(), 3);
    assert_eq!(
        number(&mut conn, "SELECT nextval('numbers_id_seq') AS n"),
        1
    );

    // Somebody else's sequence.
    conn.batch_execute(
        "CREATE ROLE covara_test_replacer;
         GRANT SELECT, INSERT, DELETE ON numbers TO covara_test_replacer;
         SET ROLE covara_test_replacer",
    )
    .unwrap();
    let error = Seed::new()
        .table(&rows[..1])
        .replace()
        .run(&mut conn)
        .unwrap_err();
    conn.batch_execute(
        "RESET ROLE; DROP OWNED BY covara_test_replacer; DROP ROLE covara_test_replacer",
    )
    .unwrap();
    assert!(
        matches!(error, SeedError::Replace { .. }),
        "{}",
        chain(&error)
    );
}

/// Those of a child by inheritance are not the table's own.
#[test]
fn rows_that_a_rule_keeps_are_an_error_and_those_of_children_stay() {
    let (_db, mut conn) = db(&format!(
        "{}; CREATE TABLE more (extra TEXT) INHERITS (numbers);
         INSERT INTO more VALUES (7, 'seven', NULL, 'x'); INSERT INTO numbers VALUES (1, 'a', NULL)",
        numbers::CREATE
    ));
    let rows: Vec<Number> = numbers::up_to(3).collect();
    let replace = |conn: &mut PgConnection| Seed::new().table(&rows).replace().run(conn);
    assert_eq!(counts(&replace(&mut conn).unwrap()), [3, 0, 0, 1]);
    assert_eq!(count(&mut conn, "numbers"), 4);
    conn.batch_execute("CREATE RULE r AS ON DELETE TO numbers DO INSTEAD NOTHING")
        .unwrap();
    let error = replace(&mut conn).unwrap_err();
    assert!(
        matches!(error, SeedError::NotEmptied { .. }),
        "{}",
        chain(&error)
    );
    assert_eq!(count(&mut conn, "numbers"), 4);
}

/// The sequence may be other tables', too.
#[test]
fn a_sequence_that_belongs_to_no_column_goes_on() {
    let (_db, mut conn) = db("CREATE SEQUENCE shared;
         CREATE TABLE numbers (id BIGINT PRIMARY KEY DEFAULT nextval('shared'),
             label TEXT NOT NULL UNIQUE, half BIGINT);
         INSERT INTO numbers (label) VALUES ('a'), ('b')");
    let none: [Number; 0] = [];
    let summary = Seed::new().table(&none).replace().run(&mut conn).unwrap();
    assert_eq!(summary.deleted(), 2);
    assert_eq!(number(&mut conn, "SELECT nextval('shared') AS n"), 3);
}

#[test]
fn references_to_partitions_are_seen_and_those_of_partitions_are_not_foreign() {
    let (_db, mut conn) = db(
        "CREATE TABLE numbers (id BIGINT PRIMARY KEY, label TEXT, half BIGINT REFERENCES numbers)
             PARTITION BY RANGE (id);
         CREATE TABLE numbers_a PARTITION OF numbers FOR VALUES FROM (0) TO (1000);
         CREATE TABLE numbers_b PARTITION OF numbers DEFAULT;
         CREATE TABLE marks (id BIGINT REFERENCES numbers_a ON DELETE CASCADE)",
    );
    let rows: Vec<Number> = numbers::up_to(2_000).collect();
    for expected in [0, 2_000] {
        let summary = Seed::new().table(&rows).replace().run(&mut conn).unwrap();
        assert_eq!(summary.deleted(), expected);
    }
    conn.batch_execute("INSERT INTO marks VALUES (5)").unwrap();
    let error = Seed::new()
        .table(&rows)
        .replace()
        .run(&mut conn)
        .unwrap_err();
    assert!(
        matches!(error, SeedError::Referred { .. }),
        "{}",
        chain(&error)
    );
    assert_eq!(count(&mut conn, "marks"), 1);
}
