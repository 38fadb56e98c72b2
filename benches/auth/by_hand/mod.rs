//! What somebody writes who does without this library: prepared statements.

#[cfg(feature = "postgres")]
pub mod postgres;
pub mod sqlite;

use data_encoding::BASE64;

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
    /// Reads the key's row and compares the hash of the whole.
    fn check(&mut self, id: &str, key: &str) -> bool;
}

/// SHA-256 in hexadecimal.
pub fn digest(text: &str) -> String {
    use sha2::{Digest, Sha256};

    Sha256::digest(text)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The parameters of the stores' own hashes.
const PARAMETERS: &str = "scrypt$N=4,r=1,p=1$";

fn derive(key: &str, salt: &[u8]) -> [u8; 64] {
    let parameters = scrypt::Params::new(2, 1, 1).expect("valid parameters");
    let mut hash = [0; 64];
    scrypt::scrypt(key.as_bytes(), salt, &parameters, &mut hash).expect("a valid length");
    hash
}

/// The hash as it is stored; here with the same salt for all keys.
pub fn hash(key: &str) -> String {
    let salt = b"0123456789abcdef";
    let (salt, hash) = (BASE64.encode(salt), BASE64.encode(&derive(key, salt)));
    format!("{PARAMETERS}{salt}${hash}")
}

/// Whether the stored hash is that of the key.
fn matches(stored: &str, key: &str) -> bool {
    let (salt, hash) = stored
        .strip_prefix(PARAMETERS)
        .and_then(|rest| rest.split_once('$'))
        .expect("a hash of ours");
    let salt = BASE64.decode(salt.as_bytes()).expect("base64");
    BASE64.decode(hash.as_bytes()).expect("base64") == derive(key, &salt)
}
