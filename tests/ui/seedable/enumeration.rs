use covara_diesel::Seedable;

diesel::table! {
    users (id) {
        id -> Integer,
        name -> Text,
        email -> Nullable<Text>,
    }
}

#[derive(Seedable)]
#[diesel(table_name = users)]
enum User {
    Known { id: i32 },
    Unknown,
}

fn main() {}
