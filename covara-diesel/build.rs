//! Says what is missing if no database is chosen, instead of the errors of all that needs one. And
//! rebuilds the crate when a migration is added: the macro that embeds them only sees the
//! directories that were there when it ran.

use std::env::var_os;

fn main() {
    println!("cargo:rerun-if-changed=migrations");
    if var_os("CARGO_FEATURE_SQLITE").is_none() && var_os("CARGO_FEATURE_POSTGRES").is_none() {
        println!("cargo::error=a database is needed: enable the feature `sqlite` or `postgres`");
    }
}
