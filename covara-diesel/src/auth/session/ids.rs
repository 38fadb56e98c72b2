//! How a session's id stands in the table.

use std::borrow::Cow;

use crate::auth::secret::{SessionId, sha256_hex};

/// What a hashed id begins with. No cookie that begins so is ever looked up.
const MARK: &str = "sha256$";

/// How the column `id` of `auth_sessions` holds the ids of sessions, which are the values of
/// cookies.
///
/// A hashed id is `sha256$` and the SHA-256 of the cookie in hexadecimal. It names a session,
/// but signs nobody in: a cookie that begins with `sha256$` finds nothing under any of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum SessionIds {
    /// The SHA-256 only, so that a copy of the table holds no way to sign in.
    #[default]
    Hashed,
    /// The cookie's own text, as Covara (TypeScript) stores and looks for it: both can serve
    /// the same live sessions. Whoever can read the table can sign in as everybody in it.
    Plain,
    /// As [`Hashed`](Self::Hashed), and sessions whose ids are plain are still found: each
    /// is rewritten when it is next extended, updated, saved, renamed or rotated. For the time
    /// after an upgrade from `Plain`; when the plain ones have expired, go on with `Hashed`.
    Migrating,
}

/// The ids under which a session may stand in the table.
pub(super) struct StoredIds<'a> {
    /// The one that is written.
    pub(super) id: Cow<'a, str>,
    /// The id before it was hashed.
    pub(super) plain: &'a str,
}

pub(super) fn is_hashed(id: &str) -> bool {
    id.starts_with(MARK)
}

impl SessionIds {
    /// Of the session that a cookie signs in to. `None` for a hashed id: whoever has only that
    /// has read it from the table.
    pub(super) fn of_cookie(self, cookie: &str) -> Option<StoredIds<'_>> {
        (!is_hashed(cookie)).then(|| self.named(cookie))
    }

    /// Of a session that the program names, by its cookie or by what a listing gave.
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

    /// What a listing gives for the session with this cookie.
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
