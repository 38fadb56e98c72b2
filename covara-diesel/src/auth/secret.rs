//! Secrets in plain text, and their generation.

use std::fmt;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::error::AuthError;

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// `Debug` does not print it, it has no `Display`, it is compared in constant time, and it
        /// is wiped from memory when dropped. Use [`expose`](Self::expose) to read the text.
        #[derive(Clone)]
        pub struct $name(Zeroizing<String>);

        impl $name {
            /// Returns the text itself. Do not log it.
            #[must_use]
            pub fn expose(&self) -> &str {
                &self.0
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(Zeroizing::new(text))
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::from(text.to_owned())
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                same(self.0.as_bytes(), other.0.as_bytes())
            }
        }

        impl Eq for $name {}

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    };
}

secret! {
    /// The secret id of a session: whoever knows it is signed in.
    ///
    /// New ids are 32 characters of base64url, 192 bits from the operating system's random
    /// generator. Listings return handles instead, which identify a session but cannot be used to
    /// sign in; see [`SessionIds`](super::SessionIds).
    SessionId
}

secret! {
    /// An API key in plain text, available only when the key is created.
    ApiKeySecret
}

secret! {
    /// A verification token in plain text, to be sent to its recipient.
    ///
    /// Consists of 43 characters of base64url, whose 256 bits come from the operating system's
    /// random generator.
    VerificationToken
}

secret! {
    /// A token issued by an identity provider.
    ProviderToken
}

/// Compares two byte strings in a time that depends only on their lengths.
pub(super) fn same(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
}

/// Returns `N` random bytes.
pub(super) fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, AuthError> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(&mut *bytes).map_err(|source| AuthError::Randomness { source })?;
    Ok(bytes)
}

/// Returns `N` random bytes in base64url without padding.
pub(super) fn random_base64url<const N: usize>() -> Result<String, AuthError> {
    Ok(BASE64URL_NOPAD.encode(&*random::<N>()?))
}

/// Returns `N` random bytes in lower-case hexadecimal.
pub(super) fn random_hex<const N: usize>() -> Result<String, AuthError> {
    Ok(HEXLOWER.encode(&*random::<N>()?))
}

/// Returns the SHA-256 of a text in lower-case hexadecimal.
pub(super) fn sha256_hex(text: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(text.as_bytes()))
}
