use covara_diesel::{Seed, open};

fn main() {
    let mut pool = open("app.db").unwrap();
    Seed::new().run(&mut pool).unwrap();
}
