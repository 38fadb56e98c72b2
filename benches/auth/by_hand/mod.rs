//! What somebody writes who does without this library: prepared statements.

#[cfg(feature = "postgres")]
pub mod postgres;
pub mod sqlite;

/// When every session here was made and ends, in seconds since 1970.
pub const MADE: i64 = 1_700_000_000;
pub const ENDS: i64 = 4_000_000_000;

/// The same SQL as the stores', and the same work with what comes back, but for JSON, which
/// stays text.
pub trait ByHand {
    fn create(&mut self, id: &str, user: &str, data: &str);
    fn find(&mut self, id: &str) -> String;
    fn save(&mut self, id: &str, user: &str, data: &str);
    fn delete(&mut self, id: &str) -> bool;
    /// Reads the key's row and compares the SHA-256 of the whole.
    fn check(&mut self, id: &str, key: &str) -> bool;
}

/// The hash as it is stored.
pub fn hash(key: &str) -> String {
    use std::fmt::Write;

    use sha2::{Digest, Sha256};

    let mut hash = String::with_capacity(71);
    hash.push_str("sha256$");
    for byte in Sha256::digest(key) {
        write!(hash, "{byte:02x}").expect("strings take everything");
    }
    hash
}
