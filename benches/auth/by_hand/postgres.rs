use std::time::{Duration, SystemTime, UNIX_EPOCH};

use postgres::{Client, NoTls, Statement};

use super::{ByHand, ENDS, MADE, matches};

pub struct Postgres {
    client: Client,
    create: Statement,
    find: Statement,
    save: Statement,
    delete: Statement,
    check: Statement,
}

impl Postgres {
    pub fn connect(url: &str) -> Self {
        let mut client = Client::connect(url, NoTls).expect("the test server");
        let mut prepare = |sql: &str| client.prepare(sql).expect("SQL");
        Self {
            create: prepare(
                "INSERT INTO auth_sessions (id, \"userId\", \"createdAt\", \"expiresAt\", data)
                 VALUES ($1, $2, $3, $4, $5)",
            ),
            find: prepare(
                "SELECT \"userId\", \"createdAt\", \"expiresAt\", data
                 FROM auth_sessions WHERE id = $1 AND \"expiresAt\" > $2",
            ),
            save: prepare(
                "INSERT INTO auth_sessions (id, \"userId\", \"createdAt\", \"expiresAt\", data)
                 VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO UPDATE SET
                 \"userId\" = excluded.\"userId\", \"expiresAt\" = excluded.\"expiresAt\",
                 data = excluded.data",
            ),
            delete: prepare("DELETE FROM auth_sessions WHERE id = $1"),
            check: prepare(
                "SELECT \"userId\", name, \"keyPrefix\", scopes::text, \"createdAt\", \"expiresAt\",
                 \"lastUsedAt\", \"revokedAt\", id, \"keyHash\" FROM auth_api_keys WHERE id = $1",
            ),
            client,
        }
    }
}

fn at(seconds: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds.unsigned_abs())
}

impl ByHand for Postgres {
    fn create(&mut self, id: &str, user: &str, data: &str) {
        self.client
            .execute(&self.create, &[&id, &user, &at(MADE), &at(ENDS), &data])
            .expect("a new id");
    }

    fn find(&mut self, id: &str) -> String {
        let row = self
            .client
            .query_one(&self.find, &[&id, &SystemTime::now()])
            .expect("a live session");
        let _times: (SystemTime, SystemTime) = (row.get(1), row.get(2));
        let _data: Option<String> = row.get(3);
        row.get(0)
    }

    fn save(&mut self, id: &str, user: &str, data: &str) {
        self.client
            .execute(&self.save, &[&id, &user, &at(MADE), &at(ENDS), &data])
            .expect("any id");
    }

    fn delete(&mut self, id: &str) -> bool {
        self.client.execute(&self.delete, &[&id]).expect("any id") > 0
    }

    fn check(&mut self, id: &str, key: &str) -> bool {
        let row = self
            .client
            .query_one(&self.check, &[&id])
            .expect("a key that is there");
        let _texts: [String; 3] = [row.get(0), row.get(1), row.get(2)];
        let _scopes: Option<String> = row.get(3);
        let _times: (SystemTime, Option<SystemTime>) = (row.get(4), row.get(6));
        let _id: String = row.get(8);
        let end: Option<SystemTime> = row.get(5);
        let revoked: Option<SystemTime> = row.get(7);
        let stored: String = row.get(9);
        matches(&stored, key) && revoked.is_none() && end.is_none_or(|end| end > SystemTime::now())
    }
}
