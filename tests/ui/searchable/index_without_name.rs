use covara_diesel::search::Searchable;

diesel::table! {
    cities (id) {
        id -> BigInt,
        name -> Text,
    }
}

#[derive(Searchable)]
#[diesel(table_name = cities)]
#[searchable(index = "")]
struct City {
    #[searchable(id)]
    id: i64,
    #[searchable(text)]
    name: String,
}

#[derive(Searchable)]
#[diesel(table_name = cities)]
#[searchable(index = "é")]
struct Town {
    #[searchable(id)]
    id: i64,
    #[searchable(text)]
    name: String,
}

fn main() {}
