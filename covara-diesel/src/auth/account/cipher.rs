use std::error::Error;

/// Encrypts providers' tokens before they are stored.
///
/// Bring the cipher you trust, such as AES-GCM or XChaCha20-Poly1305 with a random nonce per
/// token, and give `context` to it as associated data: then a token that somebody copies to
/// another row or column does not decrypt there.
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
    /// Why it fails. It must not hold what was to be encrypted: it is printed.
    type Error: Error + Send + Sync + 'static;

    /// What is stored in the place of `token`. PostgreSQL stores no NUL.
    ///
    /// `context` is the name of the column, the provider, and the account's name there, each
    /// followed by a zero byte.
    ///
    /// # Errors
    ///
    /// Whatever the cipher's are; nothing is stored then.
    fn encrypt(&self, token: &str, context: &[u8]) -> Result<String, Self::Error>;

    /// The token that `stored` stands for.
    ///
    /// # Errors
    ///
    /// It is not one of this cipher's, or was tampered with. The account then reads as a
    /// [`RowError`](crate::auth::RowError).
    fn decrypt(&self, stored: &str, context: &[u8]) -> Result<String, Self::Error>;
}

/// No cipher: tokens are stored as they are, as Covara does.
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
