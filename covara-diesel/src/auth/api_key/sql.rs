//! The statements on API keys, and how their rows are read.

use chrono::{DateTime, Utc};
use diesel::row::Row;

use super::ApiKey;
use super::costly::is_costly;
use super::hash::{Hash, Stored, pretend, sha256_matches};
use crate::auth::error::RowError;
use crate::auth::secret::same;
use crate::auth::statement::{
    All, Fault, Reader, auth_api_keys, nullable_time, statements, strings, text, time,
};
use crate::backend::engine::Engine;

const TABLE: &str = "auth_api_keys";
/// The columns of a new key, in the order of [`NewRow::values`](super::new_row::NewRow::values).
const WRITTEN: &str =
    "id, \"userId\", name, \"keyHash\", \"keyPrefix\", scopes, \"createdAt\", \"expiresAt\"";

statements! {
    Create = ["INSERT INTO auth_api_keys (", WRITTEN, ") VALUES ("]
        [", "] [", "] [", "] [", "] [", "] [", "] [", "] [")"];

    Find = ["SELECT ", All(auth_api_keys::table), " FROM auth_api_keys WHERE id = "] [""];

    /// The row with this id, or else its neighbour: there is one to read and to compare
    /// either way, so that time does not tell which it was.
    Check = ["SELECT ", All(auth_api_keys::table), " FROM auth_api_keys WHERE id >= "]
        [" ORDER BY id LIMIT 1"];

    ListForUser = ["SELECT ", All(auth_api_keys::table), " FROM auth_api_keys WHERE \"userId\" = "]
        [" ORDER BY \"createdAt\" DESC, id"];

    Stamp = ["UPDATE auth_api_keys SET \"lastUsedAt\" = "] [" WHERE id = "] [
        " AND \"revokedAt\" IS NULL AND (\"lastUsedAt\" IS NULL OR \"lastUsedAt\" <= "
    ] [")"];

    /// Marks the hash too, for programs that do not read `revokedAt`. The mark is that of
    /// [`REVOKED`](super::hash::REVOKED).
    Revoke = [
        "UPDATE auth_api_keys SET \"keyHash\" = CASE WHEN \"keyHash\" LIKE 'revoked$%' \
         THEN \"keyHash\" ELSE 'revoked$' || \"keyHash\" END, \"revokedAt\" = "
    ] [" WHERE id = "] [" AND \"revokedAt\" IS NULL"];

    /// Marks the hash of a key that another program revoked.
    Close = ["UPDATE auth_api_keys SET \"keyHash\" = 'revoked$' || \"keyHash\" WHERE id = "] [
        " AND \"revokedAt\" IS NOT NULL AND \"keyHash\" NOT LIKE 'revoked$%'"
    ];

    /// Like `Create`, if another key is not revoked, which it then keeps from being.
    Replace = ["INSERT INTO auth_api_keys (", WRITTEN, ") SELECT "]
        [", "] [", "] [", "] [", "] [", "] [", "] [", "] [" FROM auth_api_keys WHERE id = "]
        [" AND \"revokedAt\" IS NULL AND \"keyHash\" NOT LIKE 'revoked$%'", DB::FOR_UPDATE];

    Delete = ["DELETE FROM auth_api_keys WHERE id = "] [""];

    DeleteForUser = ["DELETE FROM auth_api_keys WHERE \"userId\" = "] [""];
}

/// Reads a row without its hash.
pub(super) struct KeyReader;

impl<DB: Engine> Reader<DB, Result<ApiKey, RowError>> for KeyReader {
    fn read<'r>(&self, row: &impl Row<'r, DB>) -> Result<ApiKey, RowError> {
        let id = text(row, auth_api_keys::id, str::to_owned)
            .map_err(|reason| RowError::new(TABLE, &[], reason))?;
        let key = || -> Result<ApiKey, Fault> {
            Ok(ApiKey {
                id: id.clone(),
                user_id: text(row, auth_api_keys::user_id, str::to_owned)?,
                name: text(row, auth_api_keys::name, str::to_owned)?,
                key_prefix: text(row, auth_api_keys::key_prefix, str::to_owned)?,
                scopes: strings(row, auth_api_keys::scopes)?,
                created_at: time(row, auth_api_keys::created_at)?,
                expires_at: nullable_time(row, auth_api_keys::expires_at)?,
                last_used_at: nullable_time(row, auth_api_keys::last_used_at)?,
                revoked_at: nullable_time(row, auth_api_keys::revoked_at)?,
            })
        };
        key().map_err(|reason| RowError::new(TABLE, &[&id], reason))
    }
}

/// What comparing a key with a row found.
pub(super) enum Checked {
    /// The key is the row's.
    Right(Found),
    /// The row is the key's, with a hash that is costly to compare; here as it is stored.
    Costly(String, Found),
    /// The key is not the row's.
    Wrong,
}

/// The row of a key.
pub(super) struct Found {
    pub(super) key: Result<ApiKey, RowError>,
    /// Whether its hash says that it was revoked.
    pub(super) revoked: bool,
}

/// Compares a key with a row, and reads the rest of it only then: that is as much work for
/// another key's row as for this one's with another secret. A costly hash of another key's is
/// not computed, or whoever guesses ids could have this process compute them.
pub(super) struct KeyChecker<'a> {
    pub(super) id: &'a str,
    pub(super) key: &'a str,
}

impl<DB: Engine> Reader<DB, Checked> for KeyChecker<'_> {
    fn read<'r>(&self, row: &impl Row<'r, DB>) -> Checked {
        let is_own = text(row, auth_api_keys::id, |id| {
            same(id.as_bytes(), self.id.as_bytes())
        });
        let is_own = is_own.unwrap_or(false);
        let found = |revoked| Found {
            key: KeyReader.read(row),
            revoked,
        };
        let compared = text(row, auth_api_keys::key_hash, |text| {
            let Stored { revoked, hash } = Stored::of(text);
            let matches = match hash {
                Hash::Sha256(hash) => sha256_matches(hash, self.key),
                Hash::Scrypt(hash) if !is_costly(&hash) => hash.matches(self.key),
                Hash::Scrypt(_) if is_own => {
                    return Checked::Costly(text.to_owned(), found(revoked));
                }
                Hash::Scrypt(_) | Hash::Unknown => {
                    pretend(self.key);
                    false
                }
            };
            if is_own & matches {
                Checked::Right(found(revoked))
            } else {
                Checked::Wrong
            }
        });
        compared.unwrap_or(Checked::Wrong)
    }
}

/// Whether `end` has passed, if there is one.
pub(super) fn has_ended(end: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    end.is_some_and(|end| end <= now)
}
