use covara_diesel::search::SearchAdapter;
use diesel::sqlite::Sqlite;

struct Adapter;

impl SearchAdapter for Adapter {
    type Backend = Sqlite;
}

fn main() {}
