use covara_diesel::auto_migrate;
use diesel::Connection;

fn boot<C: Connection>(conn: &mut C) {
    auto_migrate(conn).unwrap();
}

fn main() {}
