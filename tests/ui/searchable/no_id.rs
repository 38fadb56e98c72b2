use covara_diesel::search::Searchable;

diesel::table! {
    cities (id) {
        id -> BigInt,
        name -> Text,
    }
}

#[derive(Searchable)]
#[diesel(table_name = cities)]
struct City {
    id: i64,
    #[searchable(text)]
    name: String,
}

fn main() {}
