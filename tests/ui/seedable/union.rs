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
union User {
    id: i32,
    number: u32,
}

fn main() {}
