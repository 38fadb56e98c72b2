//! Stored hashes of keys, and the comparison of a key with one.

use data_encoding::BASE64;
use scrypt::Params;

use super::costly;
use crate::auth::error::AuthError;
use crate::auth::secret::{random, same, sha256_hex};

/// The prefix of hashes that this library stored before it shared keys with Covara (TypeScript).
const SHA256: &str = "sha256$";

const SCRYPT: &str = "scrypt$";

/// The parameters of new hashes, as text and as numbers. A key has 192 random bits, so it cannot be
/// guessed and needs no slow hash. With N below 4, Covara (TypeScript) exceeds its own memory
/// limit.
const OWN: (&str, Parameters) = ("N=4,r=1,p=1", Parameters { n: 4, r: 1, p: 1 });

/// Covara's salts are 16 bytes long.
const SALT_BYTES: usize = 16;

/// Covara's hashes are 64 bytes long.
const HASH_BYTES: usize = 64;

/// The longest accepted salt. Hashing a longer one could cost arbitrarily much.
const SALT_LIMIT: usize = 1024;

/// The prefix of a revoked key's hash. No program takes the marked text for a hash, and this
/// library can still match the key.
pub(super) const REVOKED: &str = "revoked$";

/// Hashes a whole key with a random salt.
pub(super) fn of(key: &str) -> Result<String, AuthError> {
    let salt = random::<SALT_BYTES>()?;
    let (name, parameters) = OWN;
    // Deriving cannot fail, as these parameters are valid. No key has the fallback of zeros as its
    // hash.
    let hash = parameters.derive(key, &*salt).unwrap_or([0; HASH_BYTES]);
    let (salt, hash) = (BASE64.encode(&*salt), BASE64.encode(&hash));
    Ok(format!("{SCRYPT}{name}${salt}${hash}"))
}

/// Spends as much time as comparing a key with a hash made by this library.
pub(super) fn pretend(key: &str) {
    std::hint::black_box(OWN.1.derive(key, &[0; SALT_BYTES]));
}

/// A hash as it is stored.
pub(super) struct StoredHash<'a> {
    /// `true` if the hash itself is marked as revoked, regardless of the row's columns.
    pub(super) revoked: bool,
    pub(super) hash: Hash<'a>,
}

pub(super) enum Hash<'a> {
    Sha256(&'a str),
    Scrypt(Scrypt),
    /// Not a hash that this library can compute.
    Unknown,
}

impl<'a> StoredHash<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let (revoked, text) = match text.strip_prefix(REVOKED) {
            Some(hash) => (true, hash),
            None => (false, text),
        };
        let hash = if let Some(hash) = text.strip_prefix(SHA256) {
            Hash::Sha256(hash)
        } else {
            let scrypt = text.strip_prefix(SCRYPT).and_then(Scrypt::parse);
            scrypt.map_or(Hash::Unknown, Hash::Scrypt)
        };
        Self { revoked, hash }
    }
}

/// A scrypt hash, `N=16384,r=8,p=1$<salt>$<hash>` in base64.
pub(super) struct Scrypt {
    pub(super) parameters: Parameters,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl Scrypt {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('$');
        let (numbers, salt, hash) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || salt.len() > SALT_LIMIT {
            return None;
        }
        let decode = |text: &str| BASE64.decode(text.as_bytes()).ok();
        Some(Self {
            parameters: Parameters::parse(numbers)?,
            salt: decode(salt)?,
            hash: decode(hash)?,
        })
    }

    pub(super) fn matches(&self, key: &str) -> bool {
        let derived = self.parameters.derive(key, &self.salt);
        derived.is_some_and(|derived| same(&derived, &self.hash))
    }
}

/// The parameters of scrypt, <https://www.rfc-editor.org/rfc/rfc7914#section-2>.
pub(super) struct Parameters {
    n: u64,
    r: u32,
    p: u32,
}

impl Parameters {
    /// Parses parameters whose hash can be computed within [`costly::LIMIT`].
    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split(',');
        let parameters = Self {
            n: numbers.next()?.strip_prefix("N=")?.parse().ok()?,
            r: numbers.next()?.strip_prefix("r=")?.parse().ok()?,
            p: numbers.next()?.strip_prefix("p=")?.parse().ok()?,
        };
        let computable = numbers.next().is_none()
            && parameters.n >= 2
            && parameters.n.is_power_of_two()
            && parameters.work()? <= costly::LIMIT;
        computable.then_some(parameters)
    }

    /// Returns the number of bytes filled and read again, or `None` beyond 64 bits. The memory
    /// needed is at most one and a half times as much, as N is at least 2.
    pub(super) fn work(&self) -> Option<u64> {
        let bytes = self.n.checked_mul(u64::from(self.r))?.checked_mul(128)?;
        bytes.checked_mul(u64::from(self.p))
    }

    fn derive(&self, key: &str, salt: &[u8]) -> Option<[u8; HASH_BYTES]> {
        let exponent = u8::try_from(self.n.trailing_zeros()).ok()?;
        let parameters = Params::new(exponent, self.r, self.p).ok()?;
        let mut hash = [0; HASH_BYTES];
        scrypt::scrypt(key.as_bytes(), salt, &parameters, &mut hash).ok()?;
        Some(hash)
    }
}

/// Returns whether `hash`, made by an earlier version of this library, is that of the key.
pub(super) fn sha256_matches(hash: &str, key: &str) -> bool {
    same(hash.as_bytes(), sha256_hex(key).as_bytes())
}
