//! A small searched table.

use covara_diesel::search::Searchable;

diesel::table! {
    places (id) {
        id -> BigInt,
        name -> Text,
    }
}

#[derive(Searchable)]
#[diesel(table_name = places)]
pub struct Place {
    #[searchable(id)]
    pub id: i64,
    #[searchable(text)]
    pub name: String,
}
