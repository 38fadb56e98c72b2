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
struct User {
    #[diesel(embed, column_name = name)]
    names: Names,
}

#[derive(Seedable)]
#[diesel(table_name = users)]
struct Names {
    name: String,
}

fn main() {}
