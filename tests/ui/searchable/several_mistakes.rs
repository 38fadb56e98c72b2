use covara_diesel::search::Searchable;

diesel::table! {
    cities (id) {
        id -> BigInt,
        name -> Text,
    }
}

#[derive(Searchable)]
#[diesel(table_name = cities)]
#[searchable(table = "cities", index = "no name")]
struct City {
    #[searchable(id, text)]
    id: i64,
    #[searchable(prose)]
    name: String,
}

fn main() {}
