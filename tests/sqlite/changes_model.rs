//! A copy that is made of a feed equals its table, after any statements on tables of all kinds.

use covara_diesel::changes::{Capture, ChangeError, ChangeLog};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::Text;
use support::change_mirror::{Mirror, random_statement};
use support::random::Random;
use support::sqlite::TestDb;

diesel::table! {
    pairs (second, first) {
        first -> BigInt,
        second -> Text,
    }
}

const COLUMNS: &str = "first BIGINT NOT NULL, second TEXT NOT NULL, name TEXT NOT NULL,
    twice BIGINT GENERATED ALWAYS AS (first * 2) STORED,
    long INTEGER GENERATED ALWAYS AS (length(name)) VIRTUAL";

/// The errors of statements: a key may be there already. The log adds none.
const CONFLICTS: [&str; 1] = ["UNIQUE constraint failed"];

const STATEMENTS: [&str; 13] = [
    "INSERT INTO pairs (first, second, name) VALUES ({a}, 'k{b}', 'i') ON CONFLICT DO NOTHING",
    "INSERT INTO pairs (first, second, name) VALUES ({a}, 'k{b}', 'u'), ({b}, 'k{b}', 'u')
         ON CONFLICT DO UPDATE SET name = pairs.name || 'u'",
    "INSERT OR IGNORE INTO pairs (first, second, name)
         SELECT first + 20, second, name FROM pairs WHERE first < 20",
    "REPLACE INTO pairs (first, second, name) VALUES ({a}, 'k{b}', 'r')",
    "INSERT OR FAIL INTO pairs (first, second, name) VALUES ({a}, 'f', 'f'), ({b}, 'k1', 'f')",
    "UPDATE pairs SET name = substr(name, 1, 20) || '{b}' WHERE first % 3 = {b} % 3",
    "UPDATE pairs SET name = 's' WHERE first = {a}",
    "UPDATE OR REPLACE pairs SET first = first + 1 WHERE first = {a}",
    "UPDATE OR IGNORE pairs SET first = 40 - first",
    "UPDATE pairs SET first = -first",
    "UPDATE pairs SET second = 'k' || {b} WHERE first = {a}",
    "DELETE FROM pairs WHERE first = {a}",
    "DELETE FROM pairs WHERE first % 5 = {b}",
];

fn mirrors(create: &str, key: &[&str], seed: u64) {
    let db = TestDb::new();
    let conn = &mut db.connect();
    conn.batch_execute(create).expect(create);
    // Or there is no word of rows that are replaced.
    conn.batch_execute("PRAGMA recursive_triggers = ON")
        .unwrap();
    let log = ChangeLog::new().table::<pairs::table>(Capture::Rows);
    log.install(conn).unwrap();
    let mut random = Random::new(seed);
    let mut mirror = Mirror::default();
    let mut delivered = 0;
    for round in 0..support::thorough::times(60, 400) {
        let mut said = Vec::new();
        let _ = conn.transaction(|conn| {
            for _ in 0..4 {
                let sql = random_statement(&STATEMENTS, &mut random);
                let undo = random.below(4) == 0;
                // A key may be there already. What a statement did before it failed is kept only
                // outside of a savepoint.
                let done = match round % 2 {
                    0 => conn.batch_execute(&sql),
                    _ => conn.transaction(|conn| {
                        conn.batch_execute(&sql)?;
                        if undo {
                            Err(Error::RollbackTransaction)
                        } else {
                            Ok(())
                        }
                    }),
                };
                said.push((sql, done));
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
                mirror.apply(change, key);
                delivered += 1;
                Ok::<_, ChangeError>(())
            })
            .unwrap()
            > 0
        {}
        assert_eq!(mirror, table(conn, key), "round {round}: {said:#?}");
    }
    assert!(delivered > 200, "{delivered}");
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    row: String,
}

fn table(conn: &mut SqliteConnection, key: &[&str]) -> Mirror {
    let rows = diesel::sql_query(
        "SELECT json_object('first', first, 'second', second, 'name', name, 'twice', twice,
             'long', long) AS row FROM pairs",
    )
    .load::<Row>(conn)
    .unwrap();
    let rows = rows
        .into_iter()
        .map(|Row { row }| serde_json::from_str(&row).unwrap());
    Mirror::of(rows, key)
}

#[test]
fn of_a_table_with_a_composite_key_and_generated_columns() {
    let create = format!("CREATE TABLE pairs ({COLUMNS}, PRIMARY KEY (second, first))");
    mirrors(&create, &["second", "first"], 1);
}

#[test]
fn of_a_table_without_rowid() {
    let create =
        format!("CREATE TABLE pairs ({COLUMNS}, PRIMARY KEY (second, first)) WITHOUT ROWID");
    mirrors(&create, &["second", "first"], 2);
}

#[test]
fn of_a_table_whose_rowid_is_the_key_and_that_has_another_unique_index() {
    let columns = COLUMNS.replace("first BIGINT NOT NULL", "first INTEGER PRIMARY KEY");
    let create = format!("CREATE TABLE pairs ({columns}, UNIQUE (second, name))");
    mirrors(&create, &["first"], 3);
}
