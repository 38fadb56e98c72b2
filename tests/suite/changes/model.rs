//! A table and what a feed makes of its changes are equal after any statements.

use covara_diesel::changes::{Change, Operation};
use diesel::connection::{Connection, SimpleConnection};
use diesel::result::Error;

use super::{item_log, logged, run};
use crate::backend::Conn;
use crate::suite::number;

/// Statements with numbers in the place of `{a}` and `{b}`.
const STATEMENTS: [&str; 9] = [
    "INSERT INTO items VALUES ({a}, 'i{b}') ON CONFLICT (id) DO NOTHING",
    "INSERT INTO items VALUES ({a}, 'u{b}') ON CONFLICT (id) DO UPDATE SET name = excluded.name",
    "INSERT INTO items SELECT id + 20, name FROM items WHERE id < 20 ON CONFLICT (id) DO NOTHING",
    "UPDATE items SET name = name || '{b}' WHERE id % 3 = {b} % 3 AND length(name) < 50",
    "UPDATE items SET name = 's' WHERE id = {a}",
    "DELETE FROM items WHERE id = {a}",
    "DELETE FROM items WHERE id % 5 = {b} % 5",
    "UPDATE items SET id = -id",
    "UPDATE items SET id = id + 1000, name = 'moved' WHERE id = {a}",
];

fn mirror(conn: &mut Conn, change: &Change) -> Result<(), Error> {
    let id = &change.key["id"];
    let name = change
        .new
        .as_ref()
        .map(|row| row["name"].as_str().unwrap().to_owned());
    conn.batch_execute(&match (change.operation, name) {
        (Operation::Insert, Some(name)) => format!("INSERT INTO mirror VALUES ({id}, '{name}')"),
        (Operation::Update, Some(name)) => {
            format!("UPDATE mirror SET name = '{name}' WHERE id = {id}")
        }
        _ => format!("DELETE FROM mirror WHERE id = {id}"),
    })
}

const DIFFERENCES: &str = "SELECT
    (SELECT count(*) FROM items AS i WHERE NOT EXISTS (
        SELECT 1 FROM mirror AS m WHERE m.id = i.id AND m.name = i.name))
    + (SELECT count(*) FROM mirror AS m WHERE NOT EXISTS (
        SELECT 1 FROM items AS i WHERE m.id = i.id AND m.name = i.name)) AS n";

#[test]
fn a_mirror_of_a_feed_equals_the_table() {
    let (_db, mut conn) = logged();
    let conn = &mut conn;
    run(
        conn,
        "CREATE TABLE mirror (id BIGINT PRIMARY KEY NOT NULL, name TEXT NOT NULL)",
    );
    let feed = item_log().feed("mirror");
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |limit: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % limit
    };
    let mut delivered = 0;
    for round in 0..support::thorough::times(60, 2_000) {
        let mut statement = |conn: &mut Conn| {
            let sql = STATEMENTS[random(STATEMENTS.len() as u64) as usize];
            let sql = sql.replace("{a}", &random(20).to_string());
            let sql = sql.replace("{b}", &random(20).to_string());
            // A key may be there already.
            let done = conn.transaction(|conn| conn.batch_execute(&sql));
            (sql, done.is_ok(), random(4) == 0)
        };
        let mut said = Vec::new();
        let _ = conn.transaction(|conn| {
            for _ in 0..3 {
                said.push(statement(conn));
                let _ = conn.transaction(|conn| {
                    let (sql, done, undo) = statement(conn);
                    said.push((sql, done, undo));
                    if undo {
                        Err(Error::RollbackTransaction)
                    } else {
                        Ok(())
                    }
                });
            }
            if round % 7 == 0 {
                Err(Error::RollbackTransaction)
            } else {
                Ok(())
            }
        });
        loop {
            match feed.process(conn, 5, mirror).unwrap() {
                0 => break,
                some => delivered += some,
            }
        }
        assert_eq!(number(conn, DIFFERENCES), 0, "round {round}: {said:#?}");
    }
    assert!(delivered > 200, "{delivered}");
}
