//! Rebuilds the crate when a migration is added: the macro that embeds them only
//! sees the directories that were there when it ran.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
