//! The SQL statements on sessions and the decoding of their rows.

use std::marker::PhantomData;

use diesel::row::Row;
use serde::de::DeserializeOwned;

use super::Session;
use crate::auth::error::RowError;
use crate::auth::json;
use crate::auth::secret::SessionId;
use crate::auth::statement::{Reader, RowFault, nullable_text, statements, text, time};
use crate::backend::engine::Engine;

const TABLE: &str = "auth_sessions";

statements! {
    Create = [
        "INSERT INTO auth_sessions (id, \"userId\", \"createdAt\", \"expiresAt\", data) VALUES ("
    ] [", "] [", "] [", "] [", "] [")"];

    /// An existing session keeps its creation time. Its expiry only moves forward, and an expired
    /// session stays expired.
    Save = [
        "INSERT INTO auth_sessions (id, \"userId\", \"createdAt\", \"expiresAt\", data) VALUES ("
    ] [", "] [", "] [", "] [", "] [
        ") ON CONFLICT (id) DO UPDATE SET \"userId\" = excluded.\"userId\", \
         data = excluded.data, \"expiresAt\" = CASE WHEN auth_sessions.\"expiresAt\" > "
    ] [
        " THEN ", DB::LATER_EARLIER.0, "(auth_sessions.\"expiresAt\", excluded.\"expiresAt\") \
         ELSE auth_sessions.\"expiresAt\" END"
    ];

    /// Like `Save`, but never past the session's maximum age.
    SaveCapped = [
        "INSERT INTO auth_sessions (id, \"userId\", \"createdAt\", \"expiresAt\", data) VALUES ("
    ] [", "] [", "] [", "] [", "] [
        ") ON CONFLICT (id) DO UPDATE SET \"userId\" = excluded.\"userId\", \
         data = excluded.data, \"expiresAt\" = CASE WHEN auth_sessions.\"expiresAt\" > "
    ] [" AND auth_sessions.\"createdAt\" > "] [
        " THEN ", DB::LATER_EARLIER.1, "(", DB::LATER_EARLIER.0,
        "(auth_sessions.\"expiresAt\", excluded.\"expiresAt\"), auth_sessions.\"createdAt\"",
        DB::PLUS_TICKS.0
    ] [DB::PLUS_TICKS.1, ") ELSE auth_sessions.\"expiresAt\" END"];

    /// The expiry only moves forward, because another request may have extended the session
    /// meanwhile.
    Update = ["UPDATE auth_sessions SET \"userId\" = "] [", data = "]
        [", \"expiresAt\" = ", DB::LATER_EARLIER.0, "(\"expiresAt\", "] [") WHERE id = "]
        [" AND \"expiresAt\" > "] [""];

    /// Like `Update`, but never past the session's maximum age.
    UpdateCapped = ["UPDATE auth_sessions SET \"userId\" = "] [", data = "] [
        ", \"expiresAt\" = ", DB::LATER_EARLIER.1, "(", DB::LATER_EARLIER.0, "(\"expiresAt\", "
    ] ["), \"createdAt\"", DB::PLUS_TICKS.0] [DB::PLUS_TICKS.1, ") WHERE id = "]
        [" AND \"expiresAt\" > "] [" AND \"createdAt\" > "] [""];

    /// Hashes the plain id of a live session.
    Hash = ["UPDATE auth_sessions SET id = "] [" WHERE id = "] [" AND \"expiresAt\" > "]
        [" AND NOT EXISTS (SELECT 1 FROM auth_sessions AS hashed WHERE hashed.id = "] [")"];

    Find = [
        "SELECT \"userId\", \"createdAt\", \"expiresAt\", data FROM auth_sessions WHERE id = "
    ] [" AND \"expiresAt\" > "] [""];

    /// Searches for either of two ids in one statement, because between two statements another
    /// request may rewrite the id.
    FindEither = [
        "SELECT \"userId\", \"createdAt\", \"expiresAt\", data, id FROM auth_sessions \
         WHERE id IN ("
    ] [", "] [") AND \"expiresAt\" > "] [""];

    List = [
        "SELECT \"userId\", \"createdAt\", \"expiresAt\", data, id FROM auth_sessions \
         WHERE \"expiresAt\" > "
    ] [" ORDER BY \"createdAt\" DESC, id"];

    ListForUser = [
        "SELECT \"userId\", \"createdAt\", \"expiresAt\", data, id FROM auth_sessions \
         WHERE \"userId\" = "
    ] [" AND \"expiresAt\" > "] [" ORDER BY \"createdAt\" DESC, id"];

    /// The last condition excludes a session whose lifetime is shorter than the extension. A
    /// session extended before has a span at least that long.
    Touch = ["UPDATE auth_sessions SET \"expiresAt\" = "] [" WHERE id = "]
        [" AND \"expiresAt\" > "] [" AND \"expiresAt\" < "]
        [" AND \"expiresAt\" >= \"createdAt\"", DB::PLUS_TICKS.0] [DB::PLUS_TICKS.1];

    /// Like `Touch`, but never past the session's maximum age.
    TouchCapped = [
        "UPDATE auth_sessions SET \"expiresAt\" = ", DB::LATER_EARLIER.1, "("
    ] [", \"createdAt\"", DB::PLUS_TICKS.0] [DB::PLUS_TICKS.1, ") WHERE id = "]
        [" AND \"expiresAt\" > "] [" AND \"expiresAt\" < "]
        [" AND \"expiresAt\" >= \"createdAt\"", DB::PLUS_TICKS.0]
        [DB::PLUS_TICKS.1, " AND \"expiresAt\" < \"createdAt\"", DB::PLUS_TICKS.0]
        [DB::PLUS_TICKS.1, " AND \"createdAt\" > "] [""];

    Rotate = ["UPDATE auth_sessions SET id = "] [", \"userId\" = "] [", \"createdAt\" = "]
        [", \"expiresAt\" = "] [", data = "] [" WHERE id = "] [" AND \"expiresAt\" > "]
        [" AND \"createdAt\" > "] [""];

    Rename = ["UPDATE auth_sessions SET id = "] [" WHERE id = "] [" AND \"expiresAt\" > "]
        [" AND \"createdAt\" > "] [" RETURNING \"userId\", \"createdAt\", \"expiresAt\", data"];

    Delete = ["DELETE FROM auth_sessions WHERE id IN ("] [", "] [")"];

    DeleteForUser = ["DELETE FROM auth_sessions WHERE \"userId\" = "]
        [" AND id IS DISTINCT FROM "] [" AND id IS DISTINCT FROM "] [""];

    DeleteExpired = [
        "DELETE FROM auth_sessions WHERE ", DB::ROW, " ", DB::BATCH.0, "SELECT ", DB::ROW,
        " FROM auth_sessions WHERE \"expiresAt\" <= "
    ] [" ORDER BY \"expiresAt\" LIMIT "] [DB::BATCH.1];
}

/// A reader of the user, start, end and data of a session whose id is known.
pub(super) struct FoundReader<'a, T> {
    /// The id in the user's cookie.
    cookie: &'a str,
    /// The id in the table.
    stored: &'a str,
    data: PhantomData<fn() -> T>,
}

impl<'a, T> FoundReader<'a, T> {
    pub(super) fn new(cookie: &'a str, stored: &'a str) -> Self {
        Self {
            cookie,
            stored,
            data: PhantomData,
        }
    }
}

impl<T: DeserializeOwned, DB: Engine> Reader<DB> for FoundReader<'_, T> {
    type Output = Result<Session<T>, RowError>;

    fn read<'r>(&self, row: &impl Row<'r, DB>) -> Self::Output {
        session(row, || SessionId::from(self.cookie))
            .map_err(|reason| RowError::new(TABLE, &[self.stored], reason))
    }
}

/// Like [`FoundReader`], for a session stored under its cookie or the hash of it. Also returns
/// whether it is stored under the hash.
pub(super) struct EitherReader<'a, T>(pub(super) FoundReader<'a, T>);

impl<T: DeserializeOwned, DB: Engine> Reader<DB> for EitherReader<'_, T> {
    type Output = (bool, Result<Session<T>, RowError>);

    fn read<'r>(&self, row: &impl Row<'r, DB>) -> Self::Output {
        let is_stored = text(row, 4, "", |id| id == self.0.stored).unwrap_or(false);
        (is_stored, self.0.read(row))
    }
}

/// A reader of sessions with the ids stored in the table.
pub(super) struct ListReader<T>(PhantomData<fn() -> T>);

impl<T> ListReader<T> {
    pub(super) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T: DeserializeOwned, DB: Engine> Reader<DB> for ListReader<T> {
    type Output = Result<Session<T>, RowError>;

    fn read<'r>(&self, row: &impl Row<'r, DB>) -> Self::Output {
        let id = text(row, 4, "the id is not text", str::to_owned)
            .map_err(|reason| RowError::new(TABLE, &[], reason))?;
        session(row, || SessionId::from(id.as_str()))
            .map_err(|reason| RowError::new(TABLE, &[&id], reason))
    }
}

fn session<'r, DB: Engine, T: DeserializeOwned>(
    row: &impl Row<'r, DB>,
    id: impl FnOnce() -> SessionId,
) -> Result<Session<T>, RowFault> {
    Ok(Session {
        user_id: text(row, 0, "userId is not text", str::to_owned)?,
        created_at: time(row, 1, "createdAt is not a time in range")?,
        expires_at: time(row, 2, "expiresAt is not a time in range")?,
        data: nullable_text(row, 3, "data is not text", json::read)?
            .transpose()?
            .flatten(),
        id: id(),
    })
}
