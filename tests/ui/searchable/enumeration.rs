use covara_diesel::search::Searchable;

diesel::table! {
    cities (id) {
        id -> BigInt,
        name -> Text,
    }
}

#[derive(Searchable)]
#[diesel(table_name = cities)]
enum City {
    Rome,
}

fn main() {}
