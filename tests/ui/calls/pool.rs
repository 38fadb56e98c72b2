use covara_diesel::{auto_migrate, pool};

fn main() {
    let mut pool = pool::sqlite("app.db").unwrap();
    auto_migrate(&mut pool).unwrap();
}
