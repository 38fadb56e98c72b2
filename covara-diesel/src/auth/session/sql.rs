//! The SQL statements on sessions and the decoding of their rows.

use diesel::row::Row;
use serde::de::DeserializeOwned;

use super::Session;
use super::ids::StoredIds;
use crate::auth::engine::AuthEngine;
use crate::auth::error::RowError;
use crate::auth::json;
use crate::auth::secret::SessionId;
use crate::auth::statement::{
    All, Reader, RowFault, auth_sessions, nullable_text, statements, text, time,
};

const TABLE: &str = "auth_sessions";

statements! {
    Create = ["INSERT INTO auth_sessions (", All(auth_sessions::table), ") VALUES ("]
        [", "] [", "] [", "] [", "] [")"];

    /// An existing session keeps its creation time. Its expiry only moves forward, and an expired
    /// session stays expired.
    Save = ["INSERT INTO auth_sessions (", All(auth_sessions::table), ") VALUES ("]
        [", "] [", "] [", "] [", "] [
        ") ON CONFLICT (id) DO UPDATE SET \"userId\" = excluded.\"userId\", \
         data = excluded.data, \"expiresAt\" = CASE WHEN auth_sessions.\"expiresAt\" > "
    ] [
        " THEN ", DB::LATER_EARLIER.0, "(auth_sessions.\"expiresAt\", excluded.\"expiresAt\") \
         ELSE auth_sessions.\"expiresAt\" END"
    ];

    /// Like `Save`, but never past the session's maximum age.
    SaveCapped = ["INSERT INTO auth_sessions (", All(auth_sessions::table), ") VALUES ("]
        [", "] [", "] [", "] [", "] [
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

    Find = ["SELECT ", All(auth_sessions::table), " FROM auth_sessions WHERE id = "]
        [" AND \"expiresAt\" > "] [""];

    /// Searches for either of two ids in one statement, because between two statements another
    /// request may rewrite the id.
    FindEither = ["SELECT ", All(auth_sessions::table), " FROM auth_sessions WHERE id IN ("] [", "]
        [") AND \"expiresAt\" > "] [""];

    List = ["SELECT ", All(auth_sessions::table), " FROM auth_sessions WHERE \"expiresAt\" > "]
        [" ORDER BY \"createdAt\" DESC, id"];

    ListForUser = ["SELECT ", All(auth_sessions::table), " FROM auth_sessions WHERE \"userId\" = "]
        [" AND \"expiresAt\" > "] [" ORDER BY \"createdAt\" DESC, id"];

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
        [" AND \"createdAt\" > "] [" RETURNING ", All(auth_sessions::table)];

    Delete = ["DELETE FROM auth_sessions WHERE id IN ("] [", "] [")"];

    DeleteForUser = ["DELETE FROM auth_sessions WHERE \"userId\" = "]
        [" AND id IS DISTINCT FROM "] [" AND id IS DISTINCT FROM "] [""];

    DeleteExpired = [
        "DELETE FROM auth_sessions WHERE ", DB::ROW, " ", DB::BATCH.0, "SELECT ", DB::ROW,
        " FROM auth_sessions WHERE \"expiresAt\" <= "
    ] [" ORDER BY \"expiresAt\" LIMIT "] [DB::BATCH.1];
}

/// Reads sessions. One that was looked for gets its cookie as its id, others what the table has.
pub(super) struct SessionReader<'a>(pub(super) Option<&'a StoredIds<'a>>);

/// The session, after a flag that is `true` if the table holds its id in the form written today.
pub(super) type Read<T> = (bool, Result<Session<T>, RowError>);

impl<T: DeserializeOwned, DB: AuthEngine> Reader<DB, Read<T>> for SessionReader<'_> {
    fn read<'r>(&self, row: &impl Row<'r, DB>) -> Read<T> {
        if let Some(wanted) = self.0 {
            let is_settled = text(row, auth_sessions::id, |id| id == wanted.id).unwrap_or(false);
            return (is_settled, session(row, wanted.plain, &wanted.id));
        }
        let id = text(row, auth_sessions::id, str::to_owned);
        let id = id.map_err(|reason| RowError::new(TABLE, &[], reason));
        (true, id.and_then(|id| session(row, &id, &id)))
    }
}

fn session<'r, DB: AuthEngine, T: DeserializeOwned>(
    row: &impl Row<'r, DB>,
    id: &str,
    stored: &str,
) -> Result<Session<T>, RowError> {
    let session = || -> Result<Session<T>, RowFault> {
        Ok(Session {
            user_id: text(row, auth_sessions::user_id, str::to_owned)?,
            created_at: time(row, auth_sessions::created_at)?,
            expires_at: time(row, auth_sessions::expires_at)?,
            data: nullable_text(row, auth_sessions::data, json::read)?
                .transpose()?
                .flatten(),
            id: SessionId::from(id),
        })
    };
    session().map_err(|reason| RowError::new(TABLE, &[stored], reason))
}
