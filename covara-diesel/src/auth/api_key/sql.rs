//! The statements on API keys, and how their rows are read.

use chrono::{DateTime, Utc};
use diesel::row::Row;

use super::ApiKey;
use super::hash::is_scrypt;
use crate::auth::error::RowError;
use crate::auth::secret::same;
use crate::auth::statement::{Fault, Reader, nullable_json, nullable_time, statements, text, time};
use crate::engine::Engine;

const TABLE: &str = "auth_api_keys";

statements! {
    Create = [
        "INSERT INTO auth_api_keys \
         (id, \"userId\", name, \"keyHash\", \"keyPrefix\", scopes, \"createdAt\", \"expiresAt\") \
         VALUES ("
    ] [", "] [", "] [", "] [", "] [", "] [", "] [", "] [")"];

    Find = [
        "SELECT \"userId\", name, \"keyPrefix\", scopes, \"createdAt\", \"expiresAt\", \
         \"lastUsedAt\", \"revokedAt\", id FROM auth_api_keys WHERE id = "
    ] [""];

    /// The row with this id, or else its neighbour: there is one to read and to compare
    /// either way, so that time does not tell which it was.
    Check = [
        "SELECT \"userId\", name, \"keyPrefix\", scopes, \"createdAt\", \"expiresAt\", \
         \"lastUsedAt\", \"revokedAt\", id, \"keyHash\" FROM auth_api_keys WHERE id >= "
    ] [" ORDER BY id LIMIT 1"];

    ListForUser = [
        "SELECT \"userId\", name, \"keyPrefix\", scopes, \"createdAt\", \"expiresAt\", \
         \"lastUsedAt\", \"revokedAt\", id FROM auth_api_keys WHERE \"userId\" = "
    ] [" ORDER BY \"createdAt\" DESC, id"];

    Stamp = ["UPDATE auth_api_keys SET \"lastUsedAt\" = "] [" WHERE id = "] [
        " AND \"revokedAt\" IS NULL AND (\"lastUsedAt\" IS NULL OR \"lastUsedAt\" <= "
    ] [")"];

    Upgrade = ["UPDATE auth_api_keys SET \"keyHash\" = "] [" WHERE id = "]
        [" AND \"keyHash\" = "] [""];

    Revoke = ["UPDATE auth_api_keys SET \"revokedAt\" = "] [" WHERE id = "]
        [" AND \"revokedAt\" IS NULL"];

    /// Like `Create`, if another key is not revoked, which it then keeps from being.
    Replace = [
        "INSERT INTO auth_api_keys \
         (id, \"userId\", name, \"keyHash\", \"keyPrefix\", scopes, \"createdAt\", \"expiresAt\") \
         SELECT "
    ] [", "] [", "] [", "] [", "] [", "] [", "] [", "] [" FROM auth_api_keys WHERE id = "] [
        " AND \"revokedAt\" IS NULL", DB::FOR_UPDATE
    ];

    Delete = ["DELETE FROM auth_api_keys WHERE id = "] [""];

    DeleteForUser = ["DELETE FROM auth_api_keys WHERE \"userId\" = "] [""];
}

/// Reads a whole row without its hash.
pub(super) struct KeyReader;

impl<DB: Engine> Reader<DB> for KeyReader {
    type Output = Result<ApiKey, RowError>;

    fn read<'r>(&self, row: &impl Row<'r, DB>) -> Self::Output {
        let id = text(row, 8, "the id is not text", str::to_owned)
            .map_err(|reason| RowError::new(TABLE, &[], reason))?;
        let key = || -> Result<ApiKey, Fault> {
            Ok(ApiKey {
                id: id.clone(),
                user_id: text(row, 0, "userId is not text", str::to_owned)?,
                name: text(row, 1, "name is not text", str::to_owned)?,
                key_prefix: text(row, 2, "keyPrefix is not text", str::to_owned)?,
                scopes: nullable_json(row, 3, "scopes is not a JSON array of strings")?,
                created_at: time(row, 4, "createdAt is no time in range")?,
                expires_at: nullable_time(row, 5, "expiresAt is no time in range")?,
                last_used_at: nullable_time(row, 6, "lastUsedAt is no time in range")?,
                revoked_at: nullable_time(row, 7, "revokedAt is no time in range")?,
            })
        };
        key().map_err(|reason| RowError::new(TABLE, &[&id], reason))
    }
}

/// What checking a key found.
pub(super) enum Checked {
    /// The key is the row's.
    Right(Result<ApiKey, RowError>),
    /// The row is the key's and has a hash of Covara's, still to be compared.
    Scrypt(String, Result<ApiKey, RowError>),
    /// It is not, though the row at hand has a hash of Covara's.
    WrongByScrypt,
    /// It is not.
    Wrong,
}

/// Compares everything before it reads the rest: that is as much work for another key's row
/// as for this one's with another secret.
pub(super) struct KeyChecker<'a> {
    pub(super) id: &'a str,
    pub(super) head: &'a str,
    pub(super) hash: &'a str,
}

impl<DB: Engine> Reader<DB> for KeyChecker<'_> {
    type Output = Checked;

    fn read<'r>(&self, row: &impl Row<'r, DB>) -> Checked {
        let is = |column, expected: &str| {
            text(row, column, "", |stored| {
                same(stored.as_bytes(), expected.as_bytes())
            })
            .unwrap_or(false)
        };
        let (id, head, hash) = (is(8, self.id), is(2, self.head), is(9, self.hash));
        let scrypt = text(row, 9, "", |stored| {
            is_scrypt(stored).then(|| stored.to_owned())
        });
        match scrypt {
            Ok(Some(_)) if !(id & head) => Checked::WrongByScrypt,
            Ok(Some(scrypt)) => Checked::Scrypt(scrypt, KeyReader.read(row)),
            _ if id & head & hash => Checked::Right(KeyReader.read(row)),
            _ => Checked::Wrong,
        }
    }
}

/// Whether something has ended that ends at `end`, if ever.
pub(super) fn has_ended(end: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    end.is_some_and(|end| end <= now)
}
