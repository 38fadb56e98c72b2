use covara_diesel::open;
use covara_diesel::search::{Fts, SearchQuery};

fn main() {
    let mut pool = open("app.db").unwrap();
    Fts.search(&mut pool, "posts", &SearchQuery::new("bread"))
        .unwrap();
}
