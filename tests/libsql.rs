//! The shared suite on libSQL, on a server for each test.
//!
//! Left out is what needs a file: the command, and databases that are locked, read-only or
//! gone; for the last there is `remote`, with faults that only networks have.

mod backend {
    use covara_diesel::pool::{PoolDriver, recommended_pool_config};
    use diesel::connection::SimpleConnection;
    use diesel::prelude::*;
    use diesel::r2d2::{ConnectionManager, Pool};
    use support::sqld;

    pub use covara_diesel::SQLITE_MIGRATIONS as MIGRATIONS;

    pub(crate) use crate::remote::shared::*;

    pub type Conn = covara_diesel::remote::LibsqlConnection;

    /// A time that the database holds and chrono does not.
    pub const FAR_TIME: &str = "9223372036854775807";

    pub const AUTO_ID: &str = "INTEGER PRIMARY KEY";
    pub const LARGEST_WHOLE: i64 = i64::MAX;
    pub const LARGEST_TEXT: usize = 1_000_000_000;
    /// Rows that a seed surely keeps all or none of.
    pub const MANY_ROWS: i64 = 100_000;
    /// `true` if a seed is sent in batches, in the place of a transaction.
    pub const IN_BATCHES: bool = false;
    /// Waiting for others is the server's business.
    pub const WAIT_LONG: &str = "SELECT 1";
    pub const THREE_VALUES: &str = "VALUES (?, ?, ?)";

    pub struct TestDb(sqld::TestDb);

    impl TestDb {
        pub fn new() -> Self {
            Self(sqld::TestDb::new())
        }

        pub fn url(&self) -> String {
            self.0.url()
        }

        pub fn connect(&self) -> Conn {
            Conn::establish(&self.url()).expect("a usable URL")
        }
    }

    /// As long as the connection waits.
    pub fn wait_for_writers(_: &mut Conn) {}

    pub fn pool(url: &str) -> Pool<ConnectionManager<Conn>> {
        let mut config = recommended_pool_config(PoolDriver::Libsql);
        config.max_size = 4;
        covara_diesel::pool::libsql_with(url, &config).expect("a usable URL")
    }

    pub fn pool_of_one(url: &str) -> Pool<ConnectionManager<Conn>> {
        covara_diesel::pool::libsql(url).expect("a usable URL")
    }

    /// The database without anything in it.
    pub fn emptied(db: &TestDb) -> Conn {
        let mut conn = db.connect();
        let mut script = String::from("PRAGMA foreign_keys = OFF; PRAGMA defer_foreign_keys = ON;");
        for drop in names(
            &mut conn,
            "SELECT 'DROP ' || type || ' \"' || name || '\";' AS name FROM sqlite_master
             WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
                 AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\' ORDER BY type DESC",
        ) {
            script.push_str(&drop);
        }
        conn.batch_execute(&script).expect(&script);
        conn
    }

    /// Waiting for others is the server's business.
    pub fn lock_wait(_: &mut Conn) -> String {
        String::new()
    }
}

mod remote {
    pub(crate) mod shared;
}

mod sqlite {
    mod seed_model;
}

mod suite {
    mod adoption;
    mod auth {
        mod accounts;
        mod api_key_hashes;
        mod api_key_revocation;
        mod api_keys;
        mod concurrency;
        mod helpers;
        mod interop;
        mod lists;
        mod observed;
        mod odd_data;
        mod properties;
        mod purge;
        mod secrets;
        mod session_ends;
        mod session_ids;
        mod sessions;
        mod transactions;
        mod verification_tokens;

        use helpers::{HOUR, Hand, MINUTE, SECOND, held, migrated};
    }
    mod boot;
    mod changes {
        mod command;
        mod concurrency;
        mod context;
        mod feeds;
        mod helpers;
        mod install;
        mod model;
        mod rows;

        use helpers::{item_log, items, logged, read, run};
    }
    mod command {
        mod helpers;

        pub(crate) use helpers::{covara, succeeds};
    }
    mod command_urls;
    mod dump {
        mod files;
        mod helpers;
        mod order;
        mod refused;
        mod round_trip;
        mod snapshot;
    }
    mod fixtures {
        mod described;
        mod errors;
        mod helpers;
        mod references;

        use helpers::{Files, Slowly, gzip, name};
    }
    mod harness;
    mod helpers;
    mod interop;
    mod migrate;
    mod nested;
    mod obstacles;
    mod open_queries;
    mod search {
        mod accents;
        mod any_words;
        mod cities;
        mod concurrency;
        mod documents;
        mod engine;
        mod facets;
        mod fields;
        mod filters;
        mod follow;
        mod fuzzy;
        mod helpers;
        mod highlights;
        mod indexes;
        mod interleaved;
        mod joins;
        mod keys;
        mod keywords;
        mod lists;
        mod mended;
        mod model;
        mod names;
        mod odd;
        mod orders;
        mod overlap;
        mod queries;
        mod random;
        mod rarity;
        mod transactions;
        mod typing;
        mod versions;

        use helpers::{articles, found, found_by_syntax, ids, index_of, library, numbered, search};
    }
    mod seed;
    mod seed_conflict_model;
    mod seed_dry_run;
    mod seed_errors;
    pub(crate) mod seed_model;
    mod seed_order;
    mod seed_progress;
    mod seed_references;
    mod seed_references_nested;
    mod seed_replace;
    mod seed_update;
    mod status;
    mod transactions {
        mod left_open;
        mod observers;
        mod panics;
        mod pooled;
        mod write;
    }
    mod values;

    pub(crate) use helpers::{chain, count, number};
}
