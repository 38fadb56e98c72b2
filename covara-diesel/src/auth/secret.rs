//! Secrets in plain text, and where they come from.

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
        /// It does not print in `Debug`, has no `Display`, is compared in constant time and
        /// is wiped from memory when dropped. [`expose`](Self::expose) is the way to the text.
        #[derive(Clone)]
        pub struct $name(Zeroizing<String>);

        impl $name {
            /// The text itself. Do not log it.
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
    /// The id of a session: whoever knows it is signed in.
    ///
    /// New ones are 32 characters of base64url, 192 bits from the operating system's random
    /// generator. Listings give handles instead, which name a session and sign nobody in; see
    /// [`SessionIds`](super::SessionIds).
    SessionId
}

secret! {
    /// An API key in plain text, which is there once: when it is made.
    ApiKeySecret
}

secret! {
    /// A verification token in plain text, to be sent to whom it is for.
    ///
    /// 43 characters of base64url, 256 bits of the operating system's randomness.
    VerificationToken
}

secret! {
    /// A token that an identity provider gave.
    ProviderToken
}

/// Compares in a time that depends on the lengths only.
pub(super) fn same(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
}

/// `N` random bytes.
pub(super) fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, AuthError> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(&mut *bytes).map_err(|source| AuthError::Randomness { source })?;
    Ok(bytes)
}

/// `N` random bytes in base64url without padding.
pub(super) fn random_base64url<const N: usize>() -> Result<String, AuthError> {
    Ok(BASE64URL_NOPAD.encode(&*random::<N>()?))
}

/// `N` random bytes in lower-case hexadecimal.
pub(super) fn random_hex<const N: usize>() -> Result<String, AuthError> {
    Ok(HEXLOWER.encode(&*random::<N>()?))
}

/// SHA-256 in lower-case hexadecimal.
pub(super) fn sha256_hex(text: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(text.as_bytes()))
}
