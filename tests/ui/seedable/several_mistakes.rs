use covara_diesel::Seedable;

#[derive(Seedable)]
#[seedable(path = covara_diesel)]
struct User {
    id: i32,
    #[diesel(colum_name = name)]
    full_name: String,
    #[diesel(column_name = id)]
    number: i32,
    #[diesel(embed, serialize_as = String)]
    email: String,
}

fn main() {}
