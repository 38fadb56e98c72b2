//! Says which databases this run of `cargo test` covers.

fn main() {
    if cfg!(feature = "postgres") {
        println!("\nThis run covers SQLite and PostgreSQL.\n");
    } else {
        println!("\nThis run covers SQLite only. For PostgreSQL as well: tests/run\n");
    }
}
