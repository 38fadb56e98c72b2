//! The form in which the table holds session ids.

use std::borrow::Cow;

use crate::auth::secret::{SessionId, sha256_hex};

/// The prefix of a hashed id. Cookies with this prefix are never looked up.
const MARK: &str = "sha256$";

/// The form in which the column `id` of `auth_sessions` holds session ids, which are the values of
/// cookies.
///
/// A hashed id is `sha256$` followed by the SHA-256 of the cookie in hexadecimal. It identifies a
/// session but cannot be used to sign in: in every variant, a cookie that begins with `sha256$`
/// finds nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum SessionIds {
    /// Only the SHA-256 is stored, so nobody can sign in with a copy of the table.
    #[default]
    Hashed,
    /// The cookie's own text is stored, as Covara (TypeScript) does: both can serve the same live
    /// sessions. Whoever can read the table can sign in as any user in it.
    Plain,
    /// Like [`Hashed`](Self::Hashed), but sessions with plain ids are still found. Such an id is
    /// hashed when its session is next extended, updated, saved, renamed or rotated. Use it after a
    /// change from `Plain`; once the plain sessions have expired, switch to `Hashed`.
    Migrating,
}

/// The ids under which the table may hold a session.
pub(super) struct StoredIds<'a> {
    /// The id that is written.
    pub(super) id: Cow<'a, str>,
    /// The id before hashing.
    pub(super) plain: &'a str,
}

pub(super) fn is_hashed(id: &str) -> bool {
    id.starts_with(MARK)
}

impl SessionIds {
    /// Returns the ids of the session that a cookie signs in to. Returns `None` for a hashed id:
    /// whoever has only that id read it from the table.
    pub(super) fn of_cookie(self, cookie: &str) -> Option<StoredIds<'_>> {
        (!is_hashed(cookie)).then(|| self.named(cookie))
    }

    /// Returns the ids of a session that the caller names by its cookie or by its handle.
    pub(super) fn named(self, id: &str) -> StoredIds<'_> {
        let is_as_it_is = self == Self::Plain || is_hashed(id);
        StoredIds {
            id: if is_as_it_is {
                Cow::Borrowed(id)
            } else {
                Cow::Owned(hashed(id))
            },
            plain: id,
        }
    }

    /// Returns the id that listings return for the session with this cookie.
    pub(super) fn handle(self, id: &str) -> SessionId {
        SessionId::from(self.named(id).id.into_owned())
    }
}

fn hashed(id: &str) -> String {
    let mut text = String::with_capacity(MARK.len() + 64);
    text.push_str(MARK);
    text.push_str(&sha256_hex(id));
    text
}
