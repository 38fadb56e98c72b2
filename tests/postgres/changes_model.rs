//! A copy that is made of a feed equals its table, after any statements on tables of all kinds.

use covara_diesel::changes::{Capture, ChangeError, ChangeLog};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::Text;
use support::change_mirror::{Mirror, random_statement};
use support::postgres::TestDb;
use support::random::Random;

diesel::table! {
    pairs (second, first) {
        first -> BigInt,
        second -> Text,
        name -> Text,
        twice -> BigInt,
    }
}

const KEY: [&str; 2] = ["second", "first"];

const COLUMNS: &str = "first BIGINT NOT NULL, second TEXT NOT NULL, name TEXT NOT NULL,
    twice BIGINT GENERATED ALWAYS AS (first * 2) STORED, PRIMARY KEY (second, first)";

/// The errors of statements: a key may be there already. The log adds none.
const CONFLICTS: [&str; 2] = ["duplicate key value", "affect row a second time"];

const STATEMENTS: [&str; 13] = [
    "INSERT INTO pairs VALUES ({a}, 'k{b}', 'i') ON CONFLICT DO NOTHING",
    "INSERT INTO pairs VALUES ({a}, 'k{b}', 'u'), ({b}, 'k{b}', 'u')
         ON CONFLICT (second, first) DO UPDATE SET name = pairs.name || 'u'",
    "INSERT INTO pairs (first, second, name) SELECT first + 20, second, name FROM pairs
         WHERE first < 20 ON CONFLICT DO NOTHING",
    "MERGE INTO pairs AS p USING (VALUES ({a}, 'k{b}'), (1, 'k1')) AS s (first, second)
         ON p.first = s.first AND p.second = s.second
         WHEN MATCHED AND p.first % 2 = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET name = 'm'
         WHEN NOT MATCHED THEN INSERT (first, second, name) VALUES (s.first, s.second, 'm')",
    "WITH gone AS (DELETE FROM pairs WHERE first = {a} RETURNING *)
         INSERT INTO pairs (first, second, name) SELECT first + 100, second, 'w' FROM gone
         ON CONFLICT DO NOTHING",
    "UPDATE pairs SET name = left(name, 20) || '{b}' WHERE first % 3 = {b} % 3",
    "UPDATE pairs SET name = 's' WHERE first = {a}",
    "UPDATE pairs SET first = first + 30 WHERE first = {a}",
    "UPDATE pairs SET first = 40 - first WHERE first BETWEEN 0 AND 40",
    "UPDATE pairs SET second = 'k' || {b} WHERE first = {a}",
    "DELETE FROM pairs WHERE first = {a}",
    "DELETE FROM pairs WHERE first % 5 = {b}",
    "TRUNCATE pairs",
];

fn mirrors(create: &str, statements: &[&str], seed: u64) {
    let db = TestDb::new();
    let conn = &mut db.connect_directly();
    conn.batch_execute(create).expect(create);
    let log = ChangeLog::new().table::<pairs::table>(Capture::Rows);
    log.install(conn).unwrap();
    let mut random = Random::new(seed);
    let mut mirror = Mirror::default();
    let mut delivered = 0;
    for round in 0..support::thorough::times(60, 400) {
        let mut said = Vec::new();
        let mut statement = |conn: &mut PgConnection, random: &mut Random| {
            let undo = random.below(4) == 0;
            let is_copied = random.below(8) == 0;
            let mut sql = random_statement(statements, random);
            let done = conn.transaction(|conn| {
                if is_copied {
                    sql = "COPY".to_owned();
                    copy(conn, random)?;
                } else {
                    conn.batch_execute(&sql)?;
                }
                if undo {
                    Err(Error::RollbackTransaction)
                } else {
                    Ok(())
                }
            });
            // A key may be there already.
            said.push((sql, done));
        };
        let level = random.below(3);
        let transaction = conn.build_transaction();
        let mut transaction = match level {
            0 => transaction.serializable(),
            1 => transaction.repeatable_read(),
            _ => transaction,
        };
        let _ = transaction.run(|conn| {
            for _ in 0..4 {
                statement(conn, &mut random);
            }
            if round % 7 == 0 {
                Err(Error::RollbackTransaction)
            } else {
                Ok(())
            }
        });
        for (sql, done) in &said {
            match done {
                Ok(()) | Err(Error::RollbackTransaction) => {}
                Err(error) => {
                    let error = error.to_string();
                    assert!(
                        CONFLICTS.iter().any(|it| error.contains(it)),
                        "{sql}: {error}"
                    );
                }
            }
        }
        let feed = log.feed("mirror");
        while feed
            .process(conn, 7, |_, change| {
                mirror.apply(change, &KEY);
                delivered += 1;
                Ok::<_, ChangeError>(())
            })
            .unwrap()
            > 0
        {}
        assert_eq!(mirror, table(conn), "round {round}: {said:#?}");
    }
    assert!(delivered > 200, "{delivered}");
}

fn copy(conn: &mut PgConnection, random: &mut Random) -> QueryResult<()> {
    let first = 200 + 10 * i64::try_from(random.below(20)).unwrap();
    let rows: Vec<_> = (first..first + 5)
        .map(|first| {
            (
                pairs::first.eq(first),
                pairs::second.eq("k0"),
                pairs::name.eq("copied"),
            )
        })
        .collect();
    diesel::copy_from(pairs::table)
        .from_insertable(rows)
        .execute(conn)
        .map(drop)
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    row: String,
}

fn table(conn: &mut PgConnection) -> Mirror {
    let rows = diesel::sql_query("SELECT CAST(row_to_json(p) AS text) AS row FROM pairs AS p")
        .load::<Row>(conn)
        .unwrap();
    let rows = rows
        .into_iter()
        .map(|Row { row }| serde_json::from_str(&row).unwrap());
    Mirror::of(rows, &KEY)
}

#[test]
fn of_a_table_with_a_composite_key_and_a_generated_column() {
    mirrors(&format!("CREATE TABLE pairs ({COLUMNS})"), &STATEMENTS, 1);
}

#[test]
fn of_partitions_that_are_also_written_by_themselves() {
    let create = format!(
        "CREATE TABLE pairs ({COLUMNS}) PARTITION BY RANGE (first);
         CREATE TABLE low PARTITION OF pairs FOR VALUES FROM (MINVALUE) TO (10);
         CREATE TABLE high PARTITION OF pairs FOR VALUES FROM (10) TO (MAXVALUE)
             PARTITION BY LIST (second);
         CREATE TABLE high_0 PARTITION OF high FOR VALUES IN ('k0', 'k1');
         CREATE TABLE high_others PARTITION OF high DEFAULT"
    );
    // The server gives a row that MERGE inserts into a partition to the triggers for updates, too.
    let mut statements = STATEMENTS.to_vec();
    statements.retain(|sql| !sql.starts_with("MERGE"));
    statements.extend([
        "INSERT INTO low VALUES ({b}, 'k{b}', 'low') ON CONFLICT DO NOTHING",
        "INSERT INTO high VALUES ({a} + 10, 'k{b}', 'high') ON CONFLICT DO NOTHING",
        "UPDATE high SET second = 'k{b}' WHERE first = {a}",
        "DELETE FROM high_0 WHERE first = {a}",
    ]);
    mirrors(&create, &statements, 2);
}

#[test]
fn of_a_table_whose_row_triggers_write_to_it() {
    let create = format!(
        "CREATE TABLE pairs ({COLUMNS});
         CREATE FUNCTION echo() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             UPDATE pairs SET name = name || '!'
                 WHERE first = NEW.first AND second = NEW.second AND length(name) < 9;
             RETURN NULL;
         END $$;
         CREATE TRIGGER an_echo AFTER INSERT OR UPDATE ON pairs
             FOR EACH ROW WHEN (NEW.first % 3 = 0) EXECUTE FUNCTION echo()"
    );
    mirrors(&create, &STATEMENTS, 3);
}
