//! What is stored of a key, and what a key is made of.

use data_encoding::BASE64;
use scrypt::Params;

use crate::auth::error::AuthError;
use crate::auth::secret::{ApiKeySecret, random_base64url, random_hex, same, sha256_hex};

/// Covara's format: 16 hexadecimal digits of id.
const ID_BYTES: usize = 8;

/// Covara's format: 32 characters of secret, 192 bits.
const SECRET_BYTES: usize = 24;

/// Keys of 192 random bits need no slow hash: there is nothing to guess.
const SHA256: &str = "sha256$";

const SCRYPT: &str = "scrypt$";

/// Covara's hashes cost 16 MiB; what would cost more than this is not computed.
const SCRYPT_LIMIT: u64 = 256 << 20;

/// Covara's hashes are 64 bytes long.
const SCRYPT_LENGTH: usize = 64;

/// Parts of a key, `[prefix_]<id>.<secret>`.
pub(super) struct Parts<'a> {
    /// All before the secret: what is stored as `keyPrefix`.
    pub(super) head: &'a str,
    pub(super) id: &'a str,
}

impl<'a> Parts<'a> {
    /// Read from the end, as a prefix may hold dots and underscores while neither id nor
    /// secret does.
    pub(super) fn of(key: &'a str) -> Option<Self> {
        let (head, secret) = key.rsplit_once('.')?;
        let id = head.rsplit_once('_').map_or(head, |(_, id)| id);
        (!id.is_empty() && !secret.is_empty()).then_some(Self { head, id })
    }
}

/// A key just made.
pub(super) struct Made {
    pub(super) id: String,
    pub(super) head: String,
    pub(super) key: ApiKeySecret,
    pub(super) hash: String,
}

impl Made {
    pub(super) fn new(prefix: Option<&str>) -> Result<Self, AuthError> {
        let id = random_hex::<ID_BYTES>()?;
        let head = match prefix {
            Some(prefix) if !prefix.is_empty() => format!("{prefix}_{id}"),
            _ => id.clone(),
        };
        let secret = ApiKeySecret::from(random_base64url::<SECRET_BYTES>()?);
        let mut key = String::with_capacity(head.len() + 1 + secret.expose().len());
        key.push_str(&head);
        key.push('.');
        key.push_str(secret.expose());
        let key = ApiKeySecret::from(key);
        Ok(Self {
            hash: of(key.expose()),
            id,
            head,
            key,
        })
    }
}

/// What is stored of a key: the SHA-256 of the whole.
pub(super) fn of(key: &str) -> String {
    let mut hash = String::with_capacity(SHA256.len() + 64);
    hash.push_str(SHA256);
    hash.push_str(&sha256_hex(key));
    hash
}

pub(super) fn is_scrypt(stored: &str) -> bool {
    stored.starts_with(SCRYPT)
}

/// Whether `stored`, as Covara writes it, is the scrypt hash of `key`:
/// `scrypt$N=16384,r=8,p=1$<salt>$<hash>` in base64.
pub(super) fn scrypt_matches(stored: &str, key: &str) -> bool {
    let computed = parse_scrypt(stored).and_then(|(params, salt, expected)| {
        let mut computed = [0; SCRYPT_LENGTH];
        scrypt::scrypt(key.as_bytes(), &salt, &params, &mut computed).ok()?;
        Some(same(&computed, &expected))
    });
    computed.unwrap_or(false)
}

fn parse_scrypt(stored: &str) -> Option<(Params, Vec<u8>, Vec<u8>)> {
    let mut parts = stored.strip_prefix(SCRYPT)?.split('$');
    let (params, salt, hash) = (parts.next()?, parts.next()?, parts.next()?);
    let mut numbers = params.split(',');
    let n: u64 = numbers.next()?.strip_prefix("N=")?.parse().ok()?;
    let r: u32 = numbers.next()?.strip_prefix("r=")?.parse().ok()?;
    let p: u32 = numbers.next()?.strip_prefix("p=")?.parse().ok()?;
    let bytes = n.checked_mul(u64::from(r))?.checked_mul(128)?;
    let work = bytes.checked_mul(u64::from(p))?;
    if !n.is_power_of_two() || work > SCRYPT_LIMIT {
        return None;
    }
    let params = Params::new(u8::try_from(n.trailing_zeros()).ok()?, r, p).ok()?;
    let decode = |text: &str| BASE64.decode(text.as_bytes()).ok();
    Some((params, decode(salt)?, decode(hash)?))
}

/// Takes as long as checking a hash of Covara's.
pub(super) fn pretend_scrypt(key: &str) {
    if let Ok(params) = Params::new(14, 8, 1) {
        let mut computed = [0; SCRYPT_LENGTH];
        let _ = scrypt::scrypt(key.as_bytes(), b"covara's default", &params, &mut computed);
        std::hint::black_box(computed);
    }
}
