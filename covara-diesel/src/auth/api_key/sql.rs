//! The SQL statements on API keys and the decoding of their rows.

use chrono::{DateTime, Utc};
use diesel::row::Row;

use super::ApiKey;
use super::costly::is_costly;
use super::hash::{Hash, StoredHash, pretend, sha256_matches};
use crate::auth::engine::AuthEngine;
use crate::auth::error::RowError;
use crate::auth::secret::same;
use crate::auth::statement::{
    All, Reader, RowFault, auth_api_keys, nullable_time, statements, strings, text, time,
};

pub(super) const TABLE: &str = "auth_api_keys";
/// The columns of a new key, in the order of [`NewRow::values`](super::new_row::NewRow::values).
const WRITTEN: &str =
    "id, \"userId\", name, \"keyHash\", \"keyPrefix\", scopes, \"createdAt\", \"expiresAt\"";

statements! {
    Create = ["INSERT INTO auth_api_keys (", WRITTEN, ") VALUES ("]
        [", "] [", "] [", "] [", "] [", "] [", "] [", "] [")"];

    Find = ["SELECT ", All(auth_api_keys::table), " FROM auth_api_keys WHERE id = "] [""];

    /// Selects the row with this id, or else its neighbour. Either way there is a row to read and
    /// compare, so the time taken does not reveal whether the id exists.
    Check = ["SELECT ", All(auth_api_keys::table), " FROM auth_api_keys WHERE id >= "]
        [" ORDER BY id LIMIT 1"];

    ListForUser = ["SELECT ", All(auth_api_keys::table), " FROM auth_api_keys WHERE \"userId\" = "]
        [" ORDER BY \"createdAt\" DESC, id"];

    Stamp = ["UPDATE auth_api_keys SET \"lastUsedAt\" = "] [" WHERE id = "] [
        " AND \"revokedAt\" IS NULL AND (\"lastUsedAt\" IS NULL OR \"lastUsedAt\" <= "
    ] [")"];

    /// Marks the hash too, for programs that do not read `revokedAt`. The mark is
    /// [`REVOKED`](super::hash::REVOKED).
    Revoke = [
        "UPDATE auth_api_keys SET \"keyHash\" = CASE WHEN \"keyHash\" LIKE 'revoked$%' \
         THEN \"keyHash\" ELSE 'revoked$' || \"keyHash\" END, \"revokedAt\" = "
    ] [" WHERE id = "] [" AND \"revokedAt\" IS NULL"];

    /// Marks the hash of a key that another program revoked.
    Close = ["UPDATE auth_api_keys SET \"keyHash\" = 'revoked$' || \"keyHash\" WHERE id = "] [
        " AND \"revokedAt\" IS NOT NULL AND \"keyHash\" NOT LIKE 'revoked$%'"
    ];

    /// Like `Create`, but only if the key to be replaced is not revoked. It locks that key's row,
    /// so that nobody revokes the key in between.
    Replace = ["INSERT INTO auth_api_keys (", WRITTEN, ") SELECT "]
        [", "] [", "] [", "] [", "] [", "] [", "] [", "] [" FROM auth_api_keys WHERE id = "]
        [" AND \"revokedAt\" IS NULL AND \"keyHash\" NOT LIKE 'revoked$%'", DB::FOR_UPDATE];

    Delete = ["DELETE FROM auth_api_keys WHERE id = "] [""];

    DeleteForUser = ["DELETE FROM auth_api_keys WHERE \"userId\" = "] [""];
}

/// Reads a row without its hash.
pub(super) struct KeyReader;

impl<DB: AuthEngine> Reader<DB, Result<ApiKey, RowError>> for KeyReader {
    fn read<'r>(&self, row: &impl Row<'r, DB>) -> Result<ApiKey, RowError> {
        let id = text(row, auth_api_keys::id, str::to_owned)
            .map_err(|reason| RowError::new(TABLE, &[], reason))?;
        let key = || -> Result<ApiKey, RowFault> {
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

/// The result of comparing a key with a row.
pub(super) enum Checked {
    /// The key matches the row.
    Right(StoredKey),
    /// The row has the key's id and a hash that is costly to check, given here as it is stored.
    Costly(String, StoredKey),
    /// The key does not match the row.
    Wrong,
}

/// The decoded row of a key.
pub(super) struct StoredKey {
    pub(super) key: Result<ApiKey, RowError>,
    /// `true` if the stored hash is marked as revoked.
    pub(super) revoked: bool,
}

/// A reader that compares a key with a row and decodes the row's other columns only if they match.
/// A row of another id costs as much work as a wrong secret. The costly hash of another id is not
/// computed; otherwise anybody who guesses ids could make this process compute it.
pub(super) struct KeyChecker<'a> {
    pub(super) id: &'a str,
    pub(super) key: &'a str,
}

impl<DB: AuthEngine> Reader<DB, Checked> for KeyChecker<'_> {
    fn read<'r>(&self, row: &impl Row<'r, DB>) -> Checked {
        let is_own = text(row, auth_api_keys::id, |id| {
            same(id.as_bytes(), self.id.as_bytes())
        });
        let is_own = is_own.unwrap_or(false);
        let found = |revoked| StoredKey {
            key: KeyReader.read(row),
            revoked,
        };
        let compared = text(row, auth_api_keys::key_hash, |text| {
            let StoredHash { revoked, hash } = StoredHash::of(text);
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

/// Returns whether `end` is set and has passed.
pub(super) fn has_ended(end: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    end.is_some_and(|end| end <= now)
}
