//! The shared suite on Cloudflare D1, with a database for each test.
//!
//! Left out is what needs a file, and what D1 has not: transactions, and with them Diesel's own
//! migration harness, which uses them. That they are refused is in `remote`.

mod backend {
    use std::time::Duration;

    use covara_diesel::pool::{PoolDriver, recommended_pool_config};
    use diesel::prelude::*;
    use diesel::r2d2::{ConnectionManager, Pool};
    use support::d1;

    pub(crate) use crate::remote::shared::*;

    pub const AUTO_ID: &str = "INTEGER PRIMARY KEY";

    pub type Conn = covara_diesel::remote::D1Connection;

    /// A time that the database holds and chrono does not. A larger one cannot be read.
    pub const FAR_TIME: &str = "9007199254740991";

    /// Doubles, which D1 sends, are exact up to here.
    pub const LARGEST_WHOLE: i64 = (1 << 53) - 1;
    /// In bytes, as Cloudflare has it too.
    pub const LARGEST_TEXT: usize = 2_000_000;
    /// Rows that a seed surely keeps all or none of: fewer than fill one batch.
    pub const MANY_ROWS: i64 = 20_000;
    /// Whether a seed is sent in batches, in the place of a transaction.
    pub const IN_BATCHES: bool = true;

    pub struct TestDb(d1::TestDb);

    impl TestDb {
        pub fn new() -> Self {
            Self(d1::TestDb::new())
        }

        pub fn url(&self) -> String {
            self.0.url()
        }

        pub fn connect(&self) -> Conn {
            Conn::establish(&self.url()).expect("a usable URL")
        }
    }

    pub fn pool(url: &str) -> Pool<ConnectionManager<Conn>> {
        let mut config = recommended_pool_config(PoolDriver::D1);
        // Many threads share the one connection, perhaps on a busy machine.
        config.connection_timeout = Some(Duration::from_secs(300));
        covara_diesel::pool::d1_with(url, &config).expect("a usable URL")
    }
}

mod remote {
    pub(crate) mod shared;
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
        mod verification_tokens;

        use helpers::{HOUR, Hand, MINUTE, SECOND, held, migrated};
    }
    mod boot;
    mod changes {
        mod command;
        mod feeds;
        mod helpers;
        mod install;
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
    }
    mod fixtures {
        #[expect(dead_code, reason = "made for more files than D1 gets")]
        mod helpers;
        mod references;
    }
    mod helpers;
    mod interop;
    mod migrate;
    mod obstacles;
    mod pool;
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
        mod mended;
        mod model;
        mod names;
        mod odd;
        mod orders;
        mod queries;
        mod random;
        mod rarity;
        mod typing;
        mod versions;

        use helpers::{articles, found, found_by_syntax, ids, index_of, library, numbered, search};
    }
    mod seed;
    mod seed_conflict_model;
    mod seed_dry_run;
    mod seed_errors;
    mod seed_order;
    mod seed_progress;
    mod seed_references;
    mod seed_replace;
    mod seed_update;
    mod status;
    mod values;

    pub(crate) use helpers::{chain, count, number};
}
