//! The statements on sessions, and how their rows are read.

use std::marker::PhantomData;

use diesel::row::Row;
use serde::de::DeserializeOwned;

use super::Session;
use crate::auth::error::RowError;
use crate::auth::secret::SessionId;
use crate::auth::statement::{Fault, Reader, nullable_text, statements, text, time};
use crate::engine::Engine;

const TABLE: &str = "auth_sessions";

statements! {
    Create = [
        "INSERT INTO auth_sessions (id, \"userId\", \"createdAt\", \"expiresAt\", data) VALUES ("
    ] [", "] [", "] [", "] [", "] [")"];

    Save = [
        "INSERT INTO auth_sessions (id, \"userId\", \"createdAt\", \"expiresAt\", data) VALUES ("
    ] [", "] [", "] [", "] [", "] [
        ") ON CONFLICT (id) DO UPDATE SET \"userId\" = excluded.\"userId\", \
         \"expiresAt\" = excluded.\"expiresAt\", data = excluded.data"
    ];

    Update = ["UPDATE auth_sessions SET \"userId\" = "] [", \"expiresAt\" = "] [", data = "]
        [" WHERE id = "] [" AND \"expiresAt\" > "] [""];

    Find = [
        "SELECT \"userId\", \"createdAt\", \"expiresAt\", data FROM auth_sessions WHERE id = "
    ] [" AND \"expiresAt\" > "] [""];

    List = [
        "SELECT \"userId\", \"createdAt\", \"expiresAt\", data, id FROM auth_sessions \
         WHERE \"expiresAt\" > "
    ] [" ORDER BY \"createdAt\" DESC, id"];

    ListForUser = [
        "SELECT \"userId\", \"createdAt\", \"expiresAt\", data, id FROM auth_sessions \
         WHERE \"userId\" = "
    ] [" AND \"expiresAt\" > "] [" ORDER BY \"createdAt\" DESC, id"];

    Touch = ["UPDATE auth_sessions SET \"expiresAt\" = "] [" WHERE id = "]
        [" AND \"expiresAt\" > "] [" AND \"expiresAt\" < "] [""];

    /// Like `Touch`, but never past the time at which the session is too old.
    TouchCapped = [
        "UPDATE auth_sessions SET \"expiresAt\" = CASE WHEN \"createdAt\"", DB::PLUS_TICKS.0
    ] [DB::PLUS_TICKS.1, " < "] [" THEN \"createdAt\"", DB::PLUS_TICKS.0] [
        DB::PLUS_TICKS.1, " ELSE "
    ] [" END WHERE id = "] [" AND \"expiresAt\" > "] [" AND \"expiresAt\" < "] [
        " AND \"expiresAt\" < \"createdAt\"", DB::PLUS_TICKS.0
    ] [DB::PLUS_TICKS.1, " AND \"createdAt\" > "] [""];

    Rotate = ["UPDATE auth_sessions SET id = "] [", \"userId\" = "] [", \"createdAt\" = "]
        [", \"expiresAt\" = "] [", data = "] [" WHERE id = "] [" AND \"expiresAt\" > "]
        [" AND \"createdAt\" > "] [""];

    Rename = ["UPDATE auth_sessions SET id = "] [" WHERE id = "] [" AND \"expiresAt\" > "]
        [" AND \"createdAt\" > "] [" RETURNING \"userId\", \"createdAt\", \"expiresAt\", data"];

    Delete = ["DELETE FROM auth_sessions WHERE id = "] [""];

    DeleteForUser = ["DELETE FROM auth_sessions WHERE \"userId\" = "]
        [" AND id IS DISTINCT FROM "] [""];

    DeleteExpired = [
        "DELETE FROM auth_sessions WHERE ", DB::ROW, " ", DB::BATCH.0, "SELECT ", DB::ROW,
        " FROM auth_sessions WHERE \"expiresAt\" <= "
    ] [" ORDER BY \"expiresAt\" LIMIT "] [DB::BATCH.1];
}

/// Reads user, start, end, data, and the id unless it is known.
pub(super) struct SessionReader<'a, T> {
    id: Option<&'a str>,
    data: PhantomData<fn() -> T>,
}

impl<'a, T> SessionReader<'a, T> {
    pub(super) fn new(id: Option<&'a str>) -> Self {
        Self {
            id,
            data: PhantomData,
        }
    }
}

impl<T: DeserializeOwned, DB: Engine> Reader<DB> for SessionReader<'_, T> {
    type Output = Result<Session<T>, RowError>;

    fn read<'r>(&self, row: &impl Row<'r, DB>) -> Self::Output {
        let id = match self.id {
            Some(id) => SessionId::from(id),
            None => text(row, 4, "the id is not text", str::to_owned)
                .map(SessionId::from)
                .map_err(|reason| RowError::new(TABLE, &[], reason))?,
        };
        let session = || -> Result<Session<T>, Fault> {
            Ok(Session {
                id: id.clone(),
                user_id: text(row, 0, "userId is not text", str::to_owned)?,
                created_at: time(row, 1, "createdAt is no time in range")?,
                expires_at: time(row, 2, "expiresAt is no time in range")?,
                data: nullable_text(row, 3, "data is not text", |json| {
                    serde_json::from_str(json)
                })?
                .transpose()
                .map_err(|_| "data is not JSON of the type asked for")?,
            })
        };
        session().map_err(|reason| RowError::new(TABLE, &[id.expose()], reason))
    }
}
