//! Foreign keys that SQLite checks at the end of a transaction because of their own declaration.

use covara_diesel::fixture::FixtureSource;
use covara_diesel::{Seed, SeedError};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::Error;

use crate::backend::TestDb;

/// Definitions of a table with columns `a`, `b` and `c`, and which of these may wait for the caller.
const TABLES: [(&str, &str); 12] = [
    ("a REFERENCES p, b, c", ""),
    ("a REFERENCES p DEFERRABLE INITIALLY DEFERRED, b REFERENCES p, c REFERENCES p (id)", "a"),
    ("a REFERENCES p, b REFERENCES p (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED, c REFERENCES p", "b"),
    ("a, b, c REFERENCES p DEFERRABLE INITIALLY DEFERRED,
      FOREIGN KEY (a) REFERENCES p, FOREIGN KEY (b) REFERENCES p (id) deferrable initially deferred", "bc"),
    ("a REFERENCES p NOT DEFERRABLE INITIALLY DEFERRED, b REFERENCES p DEFERRABLE,
      c REFERENCES p DEFERRABLE INITIALLY IMMEDIATE /* DEFERRABLE INITIALLY DEFERRED */", ""),
    ("a REFERENCES p -- DEFERRABLE INITIALLY DEFERRED
      , b REFERENCES p /* not */ DEFERRABLE /* , */ INITIALLY -- ,
      DEFERRED, c REFERENCES p", "b"),
    ("a REFERENCES p DEFAULT 'REFERENCES x DEFERRABLE INITIALLY DEFERRED', b, c REFERENCES p
      NOT NULL DEFERRABLE INITIALLY DEFERRED", "c"),
    ("a CONSTRAINT \"REFERENCES\" REFERENCES p, b, c CONSTRAINT [DEFERRABLE INITIALLY DEFERRED] REFERENCES p", ""),
    ("a REFERENCES p, b, c DEFERRABLE INITIALLY DEFERRED", "a"),
    ("a REFERENCES p DEFERRABLE INITIALLY DEFERRED NOT DEFERRABLE, b REFERENCES p
      CONSTRAINT deferred CHECK (b <> 'it''s DEFERRABLE INITIALLY DEFERRED'), c", ""),
    ("a REFERENCES `p` DEFERRABLE INITIALLY DEFERRED, deferred, initially REFERENCES p, b, c REFERENCES p", "a"),
    // Of tables, the last one is that of the rows.
    ("a REFERENCES p, b, c); CREATE TABLE q (a REFERENCES p DEFERRABLE INITIALLY DEFERRED", ""),
];

#[test]
fn in_a_transaction_of_the_callers_each_key_waits_only_if_it_says_so() {
    for (columns, waiting) in TABLES {
        for added in [false, true] {
            let db = TestDb::new();
            let mut conn = db.connect();
            conn.batch_execute(&format!(
                "PRAGMA foreign_keys = ON;
                 CREATE TABLE p (id INTEGER PRIMARY KEY); INSERT INTO p VALUES (1);
                 CREATE TABLE t ({columns});"
            ))
            .unwrap();
            if added {
                conn.batch_execute(
                    "ALTER TABLE t ADD COLUMN d REFERENCES p DEFERRABLE INITIALLY DEFERRED",
                )
                .unwrap();
            }
            for column in ["a", "b", "c", "d"] {
                let mut keys = diesel::sql_query(
                    "SELECT count(*) AS n FROM pragma_foreign_key_list('t') WHERE \"from\" = ?",
                )
                .bind::<diesel::sql_types::Text, _>(column)
                .load::<Count>(&mut conn)
                .unwrap();
                if keys.pop().unwrap().n == 0 {
                    continue;
                }
                let names = if added { "abcd" } else { "abc" };
                let values = names.chars().map(|name| {
                    let value = if name.to_string() == column { 404 } else { 1 };
                    format!("\"{name}\":{value}")
                });
                let line = format!("{{{}}}\n", values.collect::<Vec<_>>().join(","));
                let may_wait = waiting.contains(column) || column == "d";
                let result = conn.transaction(|conn| {
                    let rows = FixtureSource::reader("t.ndjson", std::io::Cursor::new(line));
                    let seeded = Seed::new().fixture("t", rows).run(conn);
                    match seeded {
                        Ok(_) if may_wait => {}
                        Err(SeedError::Row { row: 1, .. }) if !may_wait => {}
                        other => panic!("{columns}, {column}: {other:?}"),
                    }
                    Err::<(), _>(Error::RollbackTransaction)
                });
                assert_eq!(result, Err(Error::RollbackTransaction));
            }
        }
    }
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    n: i64,
}
