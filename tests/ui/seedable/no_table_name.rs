use covara_diesel::Seedable;

#[derive(Seedable)]
struct User {
    id: i32,
}

fn main() {}
