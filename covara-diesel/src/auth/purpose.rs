//! What verification tokens are for, and how a token shows it.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::error::AuthError;
use super::secret::{VerificationToken, random, same};

/// A token is 32 bytes, as Covara's are: 43 characters of base64url. Here 20 of them are
/// random, 160 bits; the rest is made of these and of what the token is for.
const RANDOM_BYTES: usize = 20;
/// Tells tokens that have a purpose from those of other programs.
const MARK_BYTES: usize = 4;
const PURPOSE_BYTES: usize = 8;
const TOKEN_BYTES: usize = RANDOM_BYTES + MARK_BYTES + PURPOSE_BYTES;

/// What a verification token is for: the only thing it is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Purpose {
    /// Showing that an e-mail address is one's own: 24 hours.
    EmailVerification,
    /// Signing in by a link: 15 minutes.
    MagicLink,
    /// Choosing a new password: 1 hour.
    PasswordReset,
    /// One of your own.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use covara_diesel::auth::Purpose;
    ///
    /// const INVITATION: Purpose = Purpose::Custom {
    ///     name: "invitation",
    ///     lifetime: Duration::from_hours(7 * 24),
    /// };
    /// ```
    Custom {
        /// What tells it from other purposes. It is part of the tokens, so those issued
        /// before it was changed are no longer good. The purposes above are others, whatever
        /// it is called.
        name: &'static str,
        /// How long a token for it lives.
        lifetime: Duration,
    },
}

impl Purpose {
    /// Returns how long a token for this purpose lives.
    #[must_use]
    pub const fn lifetime(self) -> Duration {
        match self {
            Self::EmailVerification => Duration::from_secs(24 * 60 * 60),
            Self::MagicLink => Duration::from_secs(15 * 60),
            Self::PasswordReset => Duration::from_secs(60 * 60),
            Self::Custom { lifetime, .. } => lifetime,
        }
    }

    /// Never to be changed, like those of users: it is part of the tokens.
    fn name(self) -> &'static str {
        match self {
            // Another one than that of the library's own purpose.
            Self::Custom {
                name: "email-verification",
                ..
            } => "\0custom email-verification",
            Self::Custom {
                name: "magic-link", ..
            } => "\0custom magic-link",
            Self::Custom {
                name: "password-reset",
                ..
            } => "\0custom password-reset",
            Self::EmailVerification => "email-verification",
            Self::MagicLink => "magic-link",
            Self::PasswordReset => "password-reset",
            Self::Custom { name, .. } => name,
        }
    }

    fn is(self, other: Self) -> bool {
        self.name() == other.name()
    }

    /// Makes a token that is good for this purpose.
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

    /// Whether a token says that it is good for this purpose. The text of a token cannot be
    /// changed to say so: the database has the hash of all of it.
    ///
    /// `unmarked` is the purpose of tokens that do not say any.
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

/// The name of no purpose: it holds NUL.
const MARK: &str = "\0a purpose follows";

fn part<const N: usize>(random: &[u8], name: &str) -> [u8; N] {
    let digest = Sha256::new()
        .chain_update("auth_verification_tokens purpose\0")
        .chain_update(random)
        .chain_update(name)
        .finalize();
    let mut part = [0; N];
    part.copy_from_slice(&digest[..N]);
    part
}
