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
#[seedable(conflict = age)]
struct User {
    #[diesel(embed)]
    name: Name,
}

#[derive(Seedable)]
#[diesel(table_name = users)]
struct Name {
    name: String,
}

fn main() {}
