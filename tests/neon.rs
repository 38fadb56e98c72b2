//! The shared suite on Neon's SQL over HTTP, by the double in `tests/servers/neon.mjs`, with a
//! database for each test; and what only this connection has.
//!
//! Left out is what needs a file or a session, and what HTTP has not: transactions, and with them
//! Diesel's own migration harness, which uses them.

pub(crate) use remote::neon::backend;

mod remote {
    pub(crate) mod neon {
        use covara_diesel::remote::NeonHttpConnection;
        use diesel::prelude::*;
        use support::neon::TestDb;

        pub(crate) mod backend;
        mod connection;
        mod faults;
        mod memory;
        mod seeds;
        mod values;

        /// A connection over HTTP, and one to the database itself.
        fn both(db: &TestDb) -> (NeonHttpConnection, PgConnection) {
            let neon = NeonHttpConnection::establish(&db.url()).expect("a usable URL");
            (neon, db.database().connect_directly())
        }
    }
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
        #[expect(dead_code, reason = "made for more files than are read here")]
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
        mod lists;
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
