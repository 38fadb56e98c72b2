//! The parts of a key.

use super::hash;
use crate::auth::error::AuthError;
use crate::auth::secret::{ApiKeySecret, random_base64url, random_hex};

/// Covara's format: 16 hexadecimal digits of id.
const ID_BYTES: usize = 8;

/// Covara's format: 32 characters of secret, 192 bits.
const SECRET_BYTES: usize = 24;

/// Returns the id in a key, `[prefix_]<id>.<secret>`, or `None` when the text is not a key.
///
/// Reads from the end, because a prefix may contain dots and underscores while the id and the
/// secret contain neither.
pub(super) fn id_of(key: &str) -> Option<&str> {
    let (head, secret) = key.rsplit_once('.')?;
    let id = head.rsplit_once('_').map_or(head, |(_, id)| id);
    // Scrypt pads keys with zeros, so a NUL at the end would not change the hash.
    let is_key = !id.is_empty() && !secret.is_empty() && !secret.ends_with('\0');
    is_key.then_some(id)
}

/// A newly generated key.
pub(super) struct MadeKey {
    pub(super) id: String,
    /// All characters before the secret: the value stored as `keyPrefix`.
    pub(super) head: String,
    pub(super) key: ApiKeySecret,
    pub(super) hash: String,
}

impl MadeKey {
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
            hash: hash::of(key.expose())?,
            id,
            head,
            key,
        })
    }
}
