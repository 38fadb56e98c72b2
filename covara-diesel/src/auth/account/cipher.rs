use std::error::Error;

/// Encryption of providers' tokens before they are stored.
///
/// Use a cipher you trust, such as AES-GCM or XChaCha20-Poly1305 with a random nonce per token, and
/// pass `context` to it as associated data: a token that somebody copies to another row or column
/// then fails to decrypt.
///
/// ```
/// use covara_diesel::auth::{AccountStore, TokenCipher};
///
/// /// Not a cipher at all, but of the right shape.
/// struct Rot13;
///
/// fn rot13(text: &str) -> String {
///     text.chars()
///         .map(|c| match c {
///             'a'..='m' | 'A'..='M' => char::from(c as u8 + 13),
///             'n'..='z' | 'N'..='Z' => char::from(c as u8 - 13),
///             _ => c,
///         })
///         .collect()
/// }
///
/// impl TokenCipher for Rot13 {
///     type Error = std::convert::Infallible;
///
///     fn encrypt(&self, token: &str, _context: &[u8]) -> Result<String, Self::Error> {
///         Ok(rot13(token))
///     }
///
///     fn decrypt(&self, stored: &str, _context: &[u8]) -> Result<String, Self::Error> {
///         Ok(rot13(stored))
///     }
/// }
///
/// let accounts = AccountStore::new().cipher(Rot13);
/// ```
pub trait TokenCipher {
    /// The error of a failed encryption or decryption. It is printed, so it must not contain the
    /// plain text.
    type Error: Error + Send + Sync + 'static;

    /// Returns the text to store in place of `token`. PostgreSQL cannot store NUL.
    ///
    /// `context` consists of the name of the column, the provider, and the account's id at the
    /// provider, each followed by a zero byte.
    ///
    /// # Errors
    ///
    /// Any error of the cipher; nothing is stored then.
    fn encrypt(&self, token: &str, context: &[u8]) -> Result<String, Self::Error>;

    /// Returns the token that was encrypted as `stored`.
    ///
    /// # Errors
    ///
    /// `stored` was not written by this cipher, or was tampered with. The account is then returned
    /// as a [`RowError`](crate::auth::RowError).
    fn decrypt(&self, stored: &str, context: &[u8]) -> Result<String, Self::Error>;
}

/// No encryption: tokens are stored in plain text, as Covara does.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoCipher;

impl TokenCipher for NoCipher {
    type Error = std::convert::Infallible;

    fn encrypt(&self, token: &str, _: &[u8]) -> Result<String, Self::Error> {
        Ok(token.to_owned())
    }

    fn decrypt(&self, stored: &str, _: &[u8]) -> Result<String, Self::Error> {
        Ok(stored.to_owned())
    }
}
