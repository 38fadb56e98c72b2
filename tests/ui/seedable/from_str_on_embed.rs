use covara_diesel::Seedable;

diesel::table! {
    users (id) {
        id -> Integer,
        name -> Text,
    }
}

#[derive(Seedable)]
#[diesel(table_name = users)]
struct Name {
    name: String,
}

#[derive(Seedable)]
#[diesel(table_name = users)]
struct User {
    id: i32,
    #[diesel(embed)]
    #[seedable(from_str)]
    name: Name,
}

fn main() {}
