use covara_diesel::write_transaction;
use diesel::result::Error;
use diesel::{Connection, SqliteConnection};

fn main() {
    let mut conn = Box::new(SqliteConnection::establish("app.db").unwrap());
    write_transaction(&mut conn, |_| Ok::<_, Error>(())).unwrap();
}
