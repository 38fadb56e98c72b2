//! A file that is no longer a database.

use covara_diesel::auth::AuthError;
use covara_diesel::{Seed, auto_migrate};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use support::numbers;
use support::temporary::tempdir;

use crate::suite::auth::failures::{expect, fill, reads, writes};
use crate::suite::chain;

#[test]
fn a_damaged_file_is_an_error_everywhere() {
    let directory = tempdir().unwrap();
    let file = directory.path().join("test.db");
    let connect = || SqliteConnection::establish(file.to_str().unwrap()).unwrap();
    let mut conn = connect();
    auto_migrate(&mut conn).unwrap();
    conn.batch_execute(numbers::CREATE).unwrap();
    let present = fill(&mut conn);
    drop(conn);
    let length = std::fs::metadata(&file).unwrap().len();
    std::fs::write(&file, vec![b'x'; usize::try_from(length).unwrap()]).unwrap();

    let mut conn = connect();
    let database = |error: &AuthError| matches!(error, AuthError::Database(_));
    expect(reads(&mut conn, &present), &present, database);
    expect(writes(&mut conn, &present), &present, database);
    auto_migrate(&mut conn).unwrap_err();
    let seeded = Seed::new().rows(numbers::up_to(10)).run(&mut conn);
    let said = chain(&seeded.unwrap_err());
    assert!(said.contains("file is not a database"), "{said}");
}
