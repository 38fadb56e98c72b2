//! The statements on sessions, and how their rows are read.

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

    /// A session that is there keeps the time at which it was made. Its end moves forward
    /// only, and one that has ended stays so.
    Save = [
        "INSERT INTO auth_sessions (id, \"userId\", \"createdAt\", \"expiresAt\", data) VALUES ("
    ] [", "] [", "] [", "] [", "] [
        ") ON CONFLICT (id) DO UPDATE SET \"userId\" = excluded.\"userId\", \
         data = excluded.data, \"expiresAt\" = CASE WHEN auth_sessions.\"expiresAt\" > "
    ] [
        " THEN ", DB::LATER_EARLIER.0, "(auth_sessions.\"expiresAt\", excluded.\"expiresAt\") \
         ELSE auth_sessions.\"expiresAt\" END"
    ];

    /// Like `Save`, but never past the time at which the session is too old.
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

    /// The end moves forward only: another request may have extended the session meanwhile.
    Update = ["UPDATE auth_sessions SET \"userId\" = "] [", data = "]
        [", \"expiresAt\" = ", DB::LATER_EARLIER.0, "(\"expiresAt\", "] [") WHERE id = "]
        [" AND \"expiresAt\" > "] [""];

    /// Like `Update`, but never past the time at which the session is too old.
    UpdateCapped = ["UPDATE auth_sessions SET \"userId\" = "] [", data = "] [
        ", \"expiresAt\" = ", DB::LATER_EARLIER.1, "(", DB::LATER_EARLIER.0, "(\"expiresAt\", "
    ] ["), \"createdAt\"", DB::PLUS_TICKS.0] [DB::PLUS_TICKS.1, ") WHERE id = "]
        [" AND \"expiresAt\" > "] [" AND \"createdAt\" > "] [""];

    /// Hashes the id of a live session that is plain.
    Hash = ["UPDATE auth_sessions SET id = "] [" WHERE id = "] [" AND \"expiresAt\" > "]
        [" AND NOT EXISTS (SELECT 1 FROM auth_sessions AS hashed WHERE hashed.id = "] [")"];

    Find = [
        "SELECT \"userId\", \"createdAt\", \"expiresAt\", data FROM auth_sessions WHERE id = "
    ] [" AND \"expiresAt\" > "] [""];

    /// By either of two ids, in one statement: in between two, another request may rewrite
    /// the id.
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

    /// The last condition leaves out a session that was made for a shorter time than it would
    /// now be extended by: one that was extended before has grown older than that.
    Touch = ["UPDATE auth_sessions SET \"expiresAt\" = "] [" WHERE id = "]
        [" AND \"expiresAt\" > "] [" AND \"expiresAt\" < "]
        [" AND \"expiresAt\" >= \"createdAt\"", DB::PLUS_TICKS.0] [DB::PLUS_TICKS.1];

    /// Like `Touch`, but never past the time at which the session is too old.
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

/// Reads user, start, end and data of a session whose id is known.
pub(super) struct FoundReader<'a, T> {
    /// As its user knows it.
    cookie: &'a str,
    /// As the table has it.
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

/// The same for a session that may stand under its cookie or the hash of it; says whether it
/// is the hash.
pub(super) struct EitherReader<'a, T>(pub(super) FoundReader<'a, T>);

impl<T: DeserializeOwned, DB: Engine> Reader<DB> for EitherReader<'_, T> {
    type Output = (bool, Result<Session<T>, RowError>);

    fn read<'r>(&self, row: &impl Row<'r, DB>) -> Self::Output {
        let is_stored = text(row, 4, "", |id| id == self.0.stored).unwrap_or(false);
        (is_stored, self.0.read(row))
    }
}

/// Reads sessions with the ids that the table has.
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
        created_at: time(row, 1, "createdAt is no time in range")?,
        expires_at: time(row, 2, "expiresAt is no time in range")?,
        data: nullable_text(row, 3, "data is not text", json::read)?
            .transpose()?
            .flatten(),
        id: id(),
    })
}
