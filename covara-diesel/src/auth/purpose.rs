//! The purposes of verification tokens, and how a token carries its purpose.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::error::AuthError;
use super::secret::{VerificationToken, random, same};

/// A token is 32 bytes, as in Covara: 43 characters of base64url. Of these, 20 bytes (160 bits) are
/// random; the others are derived from the random bytes and the purpose.
const RANDOM_BYTES: usize = 20;
/// The length of the mark that tells tokens with a purpose from those of other programs.
const MARK_BYTES: usize = 4;
const PURPOSE_BYTES: usize = 8;
const TOKEN_BYTES: usize = RANDOM_BYTES + MARK_BYTES + PURPOSE_BYTES;

/// The purpose of a verification token. The token is valid for this purpose only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Purpose {
    /// Confirming that an e-mail address belongs to the user. Tokens live for 24 hours.
    EmailVerification,
    /// Signing in by a link. Tokens live for 15 minutes.
    MagicLink,
    /// Choosing a new password. Tokens live for 1 hour.
    PasswordReset,
    /// A purpose defined by the application.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use covara_diesel::auth::Purpose;
    ///
    /// const INVITATION: Purpose = Purpose::Custom {
    ///     name: "invitation",
    ///     lifetime: Duration::from_secs(7 * 24 * 60 * 60),
    /// };
    /// ```
    Custom {
        /// The name that tells it from other custom purposes. The name is part of the tokens, so
        /// changing it invalidates those already issued. A custom purpose differs from the purposes
        /// above whatever its name is.
        name: &'static str,
        /// The lifetime of a token issued for it.
        lifetime: Duration,
    },
}

impl Purpose {
    /// Returns the lifetime of a token issued for this purpose.
    #[must_use]
    pub const fn lifetime(self) -> Duration {
        match self {
            Self::EmailVerification => Duration::from_secs(24 * 60 * 60),
            Self::MagicLink => Duration::from_secs(15 * 60),
            Self::PasswordReset => Duration::from_secs(60 * 60),
            Self::Custom { lifetime, .. } => lifetime,
        }
    }

    /// Returns the two parts of the name, which is part of the tokens. The library's names must never
    /// change, just like custom ones.
    fn name(self) -> [&'static str; 2] {
        match self {
            Self::EmailVerification => ["", "email-verification"],
            Self::MagicLink => ["", "magic-link"],
            Self::PasswordReset => ["", "password-reset"],
            Self::Custom { name, .. } => {
                let own = [
                    Self::EmailVerification,
                    Self::MagicLink,
                    Self::PasswordReset,
                ];
                // A custom purpose differs from the library's own purpose of the same name.
                let is_taken = own.iter().any(|own| own.name() == ["", name]);
                [
                    if is_taken || name.starts_with(RESERVED) {
                        CUSTOM
                    } else {
                        ""
                    },
                    name,
                ]
            }
        }
    }

    fn is(self, other: Self) -> bool {
        self.name() == other.name()
    }

    /// Generates a token that is valid for this purpose.
    pub(super) fn token(self) -> Result<VerificationToken, AuthError> {
        let random = random::<RANDOM_BYTES>()?;
        let mut bytes = Zeroizing::new([0; TOKEN_BYTES]);
        let (head, tail) = bytes.split_at_mut(RANDOM_BYTES);
        head.copy_from_slice(&*random);
        let (mark, purpose) = tail.split_at_mut(MARK_BYTES);
        mark.copy_from_slice(&part::<MARK_BYTES>(head, MARK));
        purpose.copy_from_slice(&part::<PURPOSE_BYTES>(head, self.name()));
        Ok(BASE64URL_NOPAD.encode(&*bytes).into())
    }

    /// Returns whether a token carries this purpose. Nobody can change a token to carry another,
    /// because the database holds the hash of the whole text.
    ///
    /// `unmarked` is the purpose assumed for tokens that carry none.
    pub(super) fn is_of(self, token: &str, unmarked: Option<Self>) -> bool {
        let bytes = BASE64URL_NOPAD.decode(token.as_bytes());
        let bytes = Zeroizing::new(bytes.unwrap_or_default());
        if bytes.len() == TOKEN_BYTES {
            let (head, tail) = bytes.split_at(RANDOM_BYTES);
            let (mark, purpose) = tail.split_at(MARK_BYTES);
            if same(mark, &part::<MARK_BYTES>(head, MARK)) {
                return same(purpose, &part::<PURPOSE_BYTES>(head, self.name()));
            }
        }
        unmarked.is_some_and(|purpose| purpose.is(self))
    }
}

/// The beginning of names that no purpose has by itself.
const RESERVED: char = '\0';
const CUSTOM: &str = "\0custom ";
const MARK: [&str; 2] = ["", "\0a purpose follows"];

fn part<const N: usize>(random: &[u8], name: [&str; 2]) -> [u8; N] {
    let digest = Sha256::new()
        .chain_update("auth_verification_tokens purpose\0")
        .chain_update(random)
        .chain_update(name[0])
        .chain_update(name[1])
        .finalize();
    let mut part = [0; N];
    part.copy_from_slice(&digest[..N]);
    part
}
