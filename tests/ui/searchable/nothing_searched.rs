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
    #[searchable(id)]
    id: i64,
    name: String,
}

fn main() {}
