use covara_diesel::Seedable;

diesel::table! {
    users (id) {
        id -> Integer,
        name -> Text,
    }
}

#[derive(Seedable)]
#[diesel(table_name = users)]
struct User<'a> {
    id: i32,
    name: &'a str,
}

fn main() {
    let seed = covara_diesel::Seed::<diesel::SqliteConnection>::new();
    let _ = seed.csv::<User>("users.csv");
}
