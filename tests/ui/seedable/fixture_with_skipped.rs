use covara_diesel::Seedable;

diesel::table! {
    users (id) {
        id -> Integer,
        name -> Text,
    }
}

struct NoDefault;

#[derive(Seedable)]
#[diesel(table_name = users)]
struct User {
    id: i32,
    #[diesel(skip_insertion)]
    name: NoDefault,
}

fn main() {
    let seed = covara_diesel::Seed::<diesel::SqliteConnection>::new();
    let _ = seed.csv::<User>("users.csv");
}
