use covara_diesel::search::Searchable;

diesel::table! {
    cities (id) {
        id -> BigInt,
        name -> Text,
    }
}

struct Name;

#[derive(Searchable)]
#[diesel(table_name = cities)]
struct City {
    #[searchable(id)]
    id: i64,
    #[searchable(text)]
    name: Name,
}

fn main() {}
