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
#[seedable(conflict(email, id, email))]
struct User {
    id: i32,
    email: Option<String>,
}

fn main() {}
