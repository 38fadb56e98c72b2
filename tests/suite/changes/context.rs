//! Who made a change, and changes that are not logged.

use diesel::QueryResult;
use diesel::connection::Connection;
use diesel::result::Error;

use super::helpers::changes;
use super::{item_log, logged, run};
use crate::backend::Conn;

fn insert(conn: &mut Conn, id: i64) -> QueryResult<()> {
    run(conn, &format!("INSERT INTO items VALUES ({id}, 'a')"));
    Ok(())
}

fn actors(conn: &mut Conn) -> Vec<(i64, Option<String>)> {
    changes(conn, "reader")
        .into_iter()
        .map(|change| (change.key["id"].as_i64().unwrap(), change.actor))
        .collect()
}

fn by(actor: &str) -> Option<String> {
    Some(actor.to_owned())
}

#[test]
fn changes_name_their_actor_within_its_transaction_only() {
    let (_db, mut conn) = logged();
    let conn = &mut conn;
    let log = item_log();
    log.as_actor(conn, "user:7", |conn| {
        insert(conn, 1)?;
        log.as_actor(conn, "it's \"me\"", |conn| insert(conn, 2))?;
        insert(conn, 3)?;
        let undone = log.as_actor(conn, "nobody", |conn| {
            insert(conn, 4)?;
            Err::<(), _>(Error::RollbackTransaction)
        });
        assert_eq!(undone, Err(Error::RollbackTransaction));
        insert(conn, 5)
    })
    .unwrap();
    insert(conn, 6).unwrap();
    conn.transaction(|conn| {
        insert(conn, 7)?;
        log.as_actor(conn, "user:8", |conn| insert(conn, 8))?;
        insert(conn, 9)
    })
    .unwrap();
    let expected = [
        (1, by("user:7")),
        (2, by("it's \"me\"")),
        (3, by("user:7")),
        (5, by("user:7")),
        (6, None),
        (7, None),
        (8, by("user:8")),
        (9, None),
    ];
    assert_eq!(actors(conn), expected);
}

#[test]
fn what_is_written_without_the_log_is_not_in_it() {
    let (_db, mut conn) = logged();
    let conn = &mut conn;
    let log = item_log();
    log.as_actor(conn, "user:7", |conn| {
        insert(conn, 1)?;
        log.without(conn, |conn| {
            insert(conn, 2)?;
            log.as_actor(conn, "user:8", |conn| insert(conn, 3))
        })?;
        insert(conn, 4)
    })
    .unwrap();
    let failed = log.without(conn, |conn| {
        insert(conn, 5)?;
        Err::<(), _>(Error::NotFound)
    });
    assert_eq!(failed, Err(Error::NotFound));
    insert(conn, 6).unwrap();
    assert_eq!(
        actors(conn),
        [(1, by("user:7")), (4, by("user:7")), (6, None)]
    );
}
