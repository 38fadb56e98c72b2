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
#[seedable(krate = covara_diesel)]
struct User {
    id: i32,
}

fn main() {}
