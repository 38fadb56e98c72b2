//! What several processes do at once to logged tables.

use std::error::Error;

use covara_diesel::changes::{Capture, Change, ChangeDatabase, ChangeLog, Operation};
use covara_diesel::write_transaction;
use diesel::connection::{Connection, SimpleConnection};
use serde::Deserialize;

use crate::random::Random;

diesel::table! {
    accounts (id) {
        id -> BigInt,
        cents -> BigInt,
    }
}

/// The tables of the jobs. `mirror` and `delivered` are what a feed makes of the changes.
pub const CREATE: &str = "
    CREATE TABLE accounts (id BIGINT PRIMARY KEY NOT NULL, cents BIGINT NOT NULL);
    CREATE TABLE mirror (id BIGINT PRIMARY KEY NOT NULL, cents BIGINT NOT NULL);
    CREATE TABLE delivered (number BIGINT PRIMARY KEY NOT NULL, id BIGINT NOT NULL,
        old BIGINT, new BIGINT);";

/// How many accounts writers share.
const ACCOUNTS: u64 = 12;

#[derive(Debug, Deserialize)]
struct Account {
    id: i64,
    cents: i64,
}

pub fn log() -> ChangeLog {
    ChangeLog::new().table::<accounts::table>(Capture::Rows)
}

/// Does a job `changes-name` or `changes-write:seed`, perhaps with `:isolation level`.
pub fn work<C>(conn: &mut C, job: &str) -> Result<String, Box<dyn Error>>
where
    C: ChangeDatabase + Connection,
{
    let (name, argument) = job.split_once(':').unwrap_or((job, "0"));
    match name {
        "changes-install" => Ok(format!("{:?}", log().install(conn)?.added)),
        "changes-write" => {
            let (seed, isolation) = argument.split_once(':').unwrap_or((argument, ""));
            write(conn, seed.parse()?, isolation)?;
            Ok("done".to_owned())
        }
        "changes-consume" => loop {
            consume(conn)?;
            std::thread::sleep(std::time::Duration::from_millis(2));
        },
        _ => Err(format!("unknown job {job}").into()),
    }
}

/// Makes transactions of one to three changes, with savepoints, some of which are rolled back.
pub fn write<C>(conn: &mut C, seed: u64, isolation: &str) -> diesel::QueryResult<()>
where
    C: ChangeDatabase + Connection,
{
    let set_up = match isolation {
        "" => String::new(),
        level => format!("SET TRANSACTION ISOLATION LEVEL {level}"),
    };
    let mut random = Random::new(seed);
    for _ in 0..crate::thorough::times(25, 200) {
        let mut ids: Vec<u64> = (0..=random.below(3))
            .map(|_| random.below(ACCOUNTS))
            .collect();
        // Two that lock rows in one order do not deadlock.
        ids.sort_unstable();
        ids.dedup();
        let undone = random.below(8) == 0;
        let done = write_transaction(conn, |conn| {
            if !set_up.is_empty() {
                conn.batch_execute(&set_up)?;
            }
            for id in &ids {
                let kept = random.below(3) > 0;
                let nested = conn.transaction(|conn| {
                    change(conn, *id, &mut random)?;
                    if kept {
                        Ok(())
                    } else {
                        Err(diesel::result::Error::RollbackTransaction)
                    }
                });
                if nested.is_err() && kept {
                    return nested;
                }
                std::thread::sleep(std::time::Duration::from_micros(300 * random.below(4)));
                change(conn, *id, &mut random)?;
            }
            if undone {
                Err(diesel::result::Error::RollbackTransaction)
            } else {
                Ok(())
            }
        });
        match done {
            Ok(()) | Err(diesel::result::Error::RollbackTransaction) => {}
            Err(error) if is_lost_to_another(&error.to_string()) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Returns whether an error says that others were first. Nobody is promised the lock while seven
/// others take it by turns.
pub fn is_lost_to_another(error: &str) -> bool {
    error.contains("database is locked") || error.contains("could not serialize access")
}

fn change<C: SimpleConnection>(
    conn: &mut C,
    id: u64,
    random: &mut Random,
) -> diesel::QueryResult<()> {
    conn.batch_execute(&match random.below(6) {
        0 => format!("DELETE FROM accounts WHERE id = {id}"),
        1 | 2 => format!(
            "INSERT INTO accounts VALUES ({id}, 1)
             ON CONFLICT (id) DO UPDATE SET cents = accounts.cents + 1"
        ),
        _ => format!("UPDATE accounts SET cents = cents + 1 WHERE id = {id}"),
    })
}

/// Passes all changes to the mirror, and returns how many.
pub fn consume<C>(conn: &mut C) -> Result<usize, Box<dyn Error>>
where
    C: ChangeDatabase + SimpleConnection,
{
    let mut all = 0;
    loop {
        let some = log().feed("mirror").process(conn, 7, apply)?;
        all += some;
        if some == 0 {
            return Ok(all);
        }
    }
}

/// Makes the change in the mirror. What does not fit there is an error.
fn apply<C>(conn: &mut C, change: &Change) -> Result<(), Box<dyn Error + Send + Sync>>
where
    C: SimpleConnection,
{
    let old = change
        .old
        .is_some()
        .then(|| change.old_as::<Account>())
        .transpose()?;
    let new = change
        .new
        .is_some()
        .then(|| change.new_as::<Account>())
        .transpose()?;
    let sql = match (change.operation, &old, &new) {
        (Operation::Insert, None, Some(new)) => {
            format!("INSERT INTO mirror VALUES ({}, {})", new.id, new.cents)
        }
        (Operation::Update, Some(_), Some(new)) => {
            format!(
                "UPDATE mirror SET cents = {} WHERE id = {}",
                new.cents, new.id
            )
        }
        (Operation::Delete, Some(old), None) => format!("DELETE FROM mirror WHERE id = {}", old.id),
        _ => return Err(format!("{change:?}").into()),
    };
    let text = |it: &Option<Account>| {
        it.as_ref()
            .map_or("NULL".to_owned(), |it| it.cents.to_string())
    };
    let id = old
        .as_ref()
        .or(new.as_ref())
        .map_or(-1, |account| account.id);
    conn.batch_execute(&sql)?;
    conn.batch_execute(&format!(
        "INSERT INTO delivered VALUES ({}, {id}, {}, {})",
        change.number,
        text(&old),
        text(&new)
    ))?;
    Ok(())
}
