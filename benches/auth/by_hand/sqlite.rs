use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::Connection;

use super::{ByHand, ENDS, MADE, matches};

pub struct Sqlite(Connection);

impl Sqlite {
    /// With the settings that our pool gives.
    pub fn open(path: &str) -> Self {
        let conn = Connection::open(path).expect("a file of our own");
        conn.execute_batch(
            "PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON; PRAGMA synchronous = NORMAL",
        )
        .expect("an open connection");
        Self(conn)
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(since.expect("after 1970").as_secs()).expect("before the end of time")
}

impl ByHand for Sqlite {
    fn create(&mut self, id: &str, user: &str, data: &str) {
        let mut statement = self
            .0
            .prepare_cached(
                "INSERT INTO auth_sessions (id, \"userId\", \"createdAt\", \"expiresAt\", data)
                 VALUES (?, ?, ?, ?, ?)",
            )
            .expect("SQL");
        statement
            .execute((id, user, MADE, ENDS, data))
            .expect("a new id");
    }

    fn find(&mut self, id: &str) -> String {
        let mut statement = self
            .0
            .prepare_cached(
                "SELECT \"userId\", \"createdAt\", \"expiresAt\", data
                 FROM auth_sessions WHERE id = ? AND \"expiresAt\" > ?",
            )
            .expect("SQL");
        let (user, _, _, _): (String, i64, i64, Option<String>) = statement
            .query_row((id, now()), |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })
            .expect("a live session");
        user
    }

    fn save(&mut self, id: &str, user: &str, data: &str) {
        let mut statement = self
            .0
            .prepare_cached(
                "INSERT INTO auth_sessions (id, \"userId\", \"createdAt\", \"expiresAt\", data)
                 VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
                 \"userId\" = excluded.\"userId\", \"expiresAt\" = excluded.\"expiresAt\",
                 data = excluded.data",
            )
            .expect("SQL");
        statement
            .execute((id, user, MADE, ENDS, data))
            .expect("any id");
    }

    fn delete(&mut self, id: &str) -> bool {
        let mut statement = self
            .0
            .prepare_cached("DELETE FROM auth_sessions WHERE id = ?")
            .expect("SQL");
        statement.execute([id]).expect("any id") > 0
    }

    fn check(&mut self, id: &str, key: &str) -> bool {
        let mut statement = self
            .0
            .prepare_cached(
                "SELECT \"userId\", name, \"keyPrefix\", scopes, \"createdAt\", \"expiresAt\",
                 \"lastUsedAt\", \"revokedAt\", id, \"keyHash\" FROM auth_api_keys WHERE id = ?",
            )
            .expect("SQL");
        let (end, revoked, stored) = statement
            .query_row([id], |row| {
                let _texts: [String; 3] = [row.get(0)?, row.get(1)?, row.get(2)?];
                let _scopes: Option<String> = row.get(3)?;
                let _times: (i64, Option<i64>) = (row.get(4)?, row.get(6)?);
                let _id: String = row.get(8)?;
                let end: Option<i64> = row.get(5)?;
                let revoked: Option<i64> = row.get(7)?;
                let stored: String = row.get(9)?;
                Ok((end, revoked, stored))
            })
            .expect("a key that is there");
        matches(&stored, key) && revoked.is_none() && end.is_none_or(|end| end > now())
    }
}
