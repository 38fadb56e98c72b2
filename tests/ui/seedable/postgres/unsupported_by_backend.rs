use covara_diesel::Seedable;

diesel::table! {
    articles (id) {
        id -> Integer,
        tags -> Array<Text>,
    }
}

#[derive(Seedable)]
#[diesel(table_name = articles)]
struct Article {
    id: i32,
    tags: Vec<String>,
}

fn seed(conn: &mut diesel::SqliteConnection, articles: &[Article]) {
    let _ = Article::seed(conn, articles);
}

fn main() {}
