//! Remote SQLite: libSQL and D1, against their real servers.

mod remote {
    mod batches;
    mod binds;
    mod by_hand;
    mod concurrency;
    mod counters;
    mod courtesy;
    mod environment;
    mod events;
    mod extremes;
    mod faults;
    mod forms;
    mod frozen;
    mod harness;
    mod interrupted;
    mod limits;
    mod memory;
    mod multi;
    mod parsers;
    mod pools;
    mod returned;
    mod scripts;
    mod secrets;
    mod seed_positions;
    mod seeds;
    mod streams;
    mod tls;
    mod tokens;
    mod transcript;
    mod user_code;
    mod wrangler;

    use std::time::Duration;

    use covara_diesel::DatabaseConnection;
    use covara_diesel::remote::{D1Connection, LibsqlConnection};
    use diesel::r2d2::{ConnectionManager, Pool, R2D2Connection};
    use diesel::sqlite::Sqlite;
    use support::{d1, sqld};

    /// A kind of server, and how it is reached.
    trait Remote {
        type Conn: DatabaseConnection<Backend = Sqlite> + R2D2Connection + Send;

        fn start() -> Self;

        /// The address at which it listens.
        fn origin(&self) -> String;

        /// The URL of its database at another address; `options` are further parameters.
        fn url_at(&self, origin: &str, options: &str) -> String;

        /// A body that the server answers a good request with, with these values in it.
        fn reply(values: &[&str]) -> String;
    }

    impl Remote for sqld::TestDb {
        type Conn = LibsqlConnection;

        fn start() -> Self {
            Self::new()
        }

        fn origin(&self) -> String {
            self.url()
        }

        fn url_at(&self, origin: &str, options: &str) -> String {
            format!("{origin}?{options}")
        }

        fn reply(values: &[&str]) -> String {
            let rows: Vec<String> = values
                .iter()
                .map(|value| format!(r#"[{{"type":"text","value":"{value}"}}]"#))
                .collect();
            format!(
                r#"{{"baton":null,"base_url":null,"results":[{{"type":"ok","response":{{"type":"batch","result":{{"step_results":[{{"cols":[{{"name":"x","decltype":null}}],"rows":[{}],"affected_row_count":0,"last_insert_rowid":null}}],"step_errors":[null]}}}}}},{{"type":"ok","response":{{"type":"get_autocommit","is_autocommit":true}}}},{{"type":"ok","response":{{"type":"close"}}}}]}}"#,
                rows.join(",")
            )
        }
    }

    impl Remote for d1::TestDb {
        type Conn = D1Connection;

        fn start() -> Self {
            Self::new()
        }

        fn origin(&self) -> String {
            self.base_url().to_owned()
        }

        fn url_at(&self, origin: &str, options: &str) -> String {
            format!("{}&{options}", self.url_through(origin, d1::TOKEN))
        }

        fn reply(values: &[&str]) -> String {
            let rows: Vec<String> = values
                .iter()
                .map(|value| format!(r#"["{value}"]"#))
                .collect();
            format!(
                r#"{{"success":true,"errors":[],"messages":[],"result":[{{"success":true,"results":{{"columns":["x"],"rows":[{}]}},"meta":{{"changes":0}}}}]}}"#,
                rows.join(",")
            )
        }
    }

    /// As Diesel's users build it.
    fn pool_of<C>(url: &str, size: u32) -> Pool<ConnectionManager<C>>
    where
        C: diesel::Connection + R2D2Connection + Send + 'static,
    {
        Pool::builder()
            .max_size(size)
            .min_idle(Some(0))
            .test_on_check_out(true)
            .connection_timeout(Duration::from_secs(5))
            .build(ConnectionManager::new(url))
            .expect("no connection is needed yet")
    }
}
