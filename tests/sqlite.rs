//! The shared suite and what only SQLite has, on SQLite.

mod backend {
    use chrono::{DateTime, Utc};
    use covara_diesel::Dialect;
    use covara_diesel::doctor::Report;
    use covara_diesel::pool::{PoolDriver, recommended_pool_config};
    use diesel::connection::SimpleConnection;
    use diesel::prelude::*;
    use diesel::r2d2::{ConnectionManager, Pool};
    use diesel::sql_types::{BigInt, Text};

    pub use covara_diesel::SQLITE_MIGRATIONS as MIGRATIONS;
    pub use covara_diesel::schema::sqlite as schema;
    pub use covara_diesel::search::SqliteFts as Fts;
    pub use support::sqlite::TestDb;

    pub type Conn = SqliteConnection;

    pub const RANDOM_QUERIES: usize = 20_000;
    pub const LARGEST_TEXT: usize = 1_000_000_000;

    pub const DIALECT: Dialect = Dialect::Sqlite;
    /// Columns and history; both stay in the process.
    pub const QUERIES_OF_AN_IDLE_BOOT: usize = 2;
    pub const TIME: &str = "INTEGER";
    /// A time that the database holds and chrono does not.
    pub const FAR_TIME: &str = "9223372036854775807";
    pub const SOME_TIME: &str = "1700000000";
    /// Begins a transaction that neither reads nor writes of others get past.
    pub const LOCK_ALL: &str = "BEGIN EXCLUSIVE";
    /// Begins a transaction that other writers do not get past.
    pub const LOCK_WRITES: &str = "BEGIN IMMEDIATE";
    pub const HARDLY_WAIT: &str = "PRAGMA busy_timeout = 1";
    pub const WAIT_LONG: &str = "PRAGMA busy_timeout = 20000";
    pub const BLOB: &str = "BLOB";
    pub const TIMESTAMP: &str = "TEXT";
    /// The declared type of a fixture's column of times.
    pub const TIMESTAMP_TYPE: &str = "TIMESTAMP";
    pub const AUTO_ID: &str = "INTEGER PRIMARY KEY";
    pub const HAS_NAN: bool = false;
    pub const LARGEST_REAL: f64 = f64::INFINITY;
    pub const LARGEST_WHOLE: i64 = i64::MAX;
    /// Rows that a seed surely keeps all or none of.
    pub const MANY_ROWS: i64 = 100_000;
    /// `true` if a seed is sent in batches, in the place of a transaction.
    pub const IN_BATCHES: bool = false;
    pub const TEXT_HOLDS_NUL: bool = true;
    pub const HAS_SERVER: bool = false;
    pub const SETTINGS_THAT_MATTER: [&str; 7] = [
        "journal_mode",
        "synchronous",
        "foreign_keys",
        "busy_timeout",
        "page_size",
        "cache_size",
        "fts5",
    ];
    pub const THREE_VALUES: &str = "VALUES (?, ?, ?)";

    macro_rules! spread_internal_schema {
        () => {
            covara_diesel::internal_schema!(sqlite);
        };
    }
    pub(crate) use spread_internal_schema;

    /// Tests that take a server, which there is none of.
    macro_rules! with_server {
        ($($item:item)*) => {};
    }
    pub(crate) use with_server;

    pub fn pool(url: &str) -> Pool<ConnectionManager<Conn>> {
        covara_diesel::pool::sqlite(url).expect("a usable path")
    }

    /// Whole seconds of any number.
    pub fn holds_time(_: DateTime<Utc>) -> bool {
        true
    }

    pub fn pool_of_one(url: &str) -> Pool<ConnectionManager<Conn>> {
        let mut config = recommended_pool_config(PoolDriver::Sqlite);
        config.max_size = 1;
        config.min_idle = 1;
        covara_diesel::pool::sqlite_with(url, &config).expect("a usable path")
    }

    #[derive(QueryableByName)]
    struct Name {
        #[diesel(sql_type = Text)]
        name: String,
    }

    /// Tables, views and indexes.
    pub fn tables(conn: &mut Conn) -> Vec<String> {
        diesel::sql_query("SELECT name FROM sqlite_master ORDER BY name")
            .load::<Name>(conn)
            .unwrap()
            .into_iter()
            .map(|row| row.name)
            .collect()
    }

    /// The database without anything in it.
    pub fn emptied(db: &TestDb) -> Conn {
        if std::fs::exists(db.url()).unwrap() {
            std::fs::remove_file(db.url()).unwrap();
        }
        let mut conn = db.connect();
        // One in memory is no file.
        let left = "SELECT type || ' \"' || name || '\"' AS name FROM sqlite_master
             WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'";
        conn.batch_execute("PRAGMA foreign_keys = OFF").unwrap();
        for Name { name } in diesel::sql_query(left).load::<Name>(&mut conn).unwrap() {
            conn.batch_execute(&format!("DROP {name}")).unwrap();
        }
        // Nothing here outlives the test.
        conn.batch_execute("PRAGMA foreign_keys = ON; PRAGMA synchronous = OFF")
            .unwrap();
        conn
    }

    pub fn write_transaction(conn: &mut Conn, work: impl FnOnce(&mut Conn)) {
        conn.immediate_transaction(|conn| {
            work(conn);
            QueryResult::Ok(())
        })
        .unwrap();
    }

    #[derive(QueryableByName)]
    struct Timeout {
        #[diesel(sql_type = BigInt)]
        timeout: i64,
    }

    pub fn lock_wait(conn: &mut Conn) -> String {
        diesel::sql_query("PRAGMA busy_timeout")
            .get_result::<Timeout>(conn)
            .unwrap()
            .timeout
            .to_string()
    }

    /// Longer than any test may take.
    pub fn wait_for_writers(conn: &mut Conn) {
        conn.batch_execute("PRAGMA busy_timeout = 120000").unwrap();
    }

    pub fn read_only(db: &TestDb) -> Conn {
        Conn::establish(&format!("file:{}?mode=ro", db.url())).unwrap()
    }

    pub fn load_interop(db: &TestDb) {
        let file = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/interop/covara-ts.sqlite"
        );
        if !db.url().starts_with("file:") {
            std::fs::copy(file, db.url()).unwrap();
            return;
        }
        // Into memory: first the tables, with their rows, then what lies on them.
        let mut conn = db.connect();
        conn.batch_execute(&format!("ATTACH '{file}' AS theirs"))
            .unwrap();
        let made = "SELECT sql AS name FROM theirs.sqlite_master
             WHERE sql IS NOT NULL ORDER BY type <> 'table'";
        let tables = "SELECT name FROM theirs.sqlite_master WHERE type = 'table'";
        conn.batch_execute("PRAGMA foreign_keys = OFF").unwrap();
        for Name { name } in diesel::sql_query(made).load::<Name>(&mut conn).unwrap() {
            conn.batch_execute(&name).unwrap();
        }
        for Name { name } in diesel::sql_query(tables).load::<Name>(&mut conn).unwrap() {
            let copy = format!("INSERT INTO main.\"{name}\" SELECT * FROM theirs.\"{name}\"");
            conn.batch_execute(&copy).unwrap();
        }
    }

    /// Each row in the order of the table itself.
    pub fn rows_as_text(conn: &mut Conn, table: &str) -> Vec<String> {
        let columns: Vec<String> =
            diesel::sql_query(format!("SELECT name FROM pragma_table_xinfo('{table}')"))
                .load::<Name>(conn)
                .unwrap()
                .into_iter()
                .map(|row| format!("quote(\"{}\")", row.name))
                .collect();
        diesel::sql_query(format!(
            "SELECT {} AS name FROM {table} NOT INDEXED",
            columns.join(" || ',' || ")
        ))
        .load::<Name>(conn)
        .unwrap()
        .into_iter()
        .map(|row| row.name)
        .collect()
    }

    /// URLs that cannot be opened, with a part of what is said of them.
    pub fn bad_urls() -> Vec<(String, &'static str)> {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        vec![
            (
                "/no/such/directory/app.db".to_owned(),
                "does not exist; create it first",
            ),
            (file.to_owned(), "is not an SQLite database"),
            ("/".to_owned(), "cannot open"),
            (
                "mysql://covara:hunter2@localhost/app".to_owned(),
                "\"mysql\" is not a scheme",
            ),
        ]
    }

    pub fn examine(db: &TestDb) -> Report {
        covara_diesel::doctor::sqlite(db.url()).unwrap()
    }

    /// A killed process holds no lock.
    pub fn wait_until_alone(_: &mut Conn) {}
}

mod sqlite {
    mod api_keys;
    mod auth;
    // Takes root or `sudo`, which plain `cargo test` must do without.
    #[cfg(feature = "postgres")]
    mod auth_disk_full;
    mod boot;
    mod capitals;
    mod changes;
    mod changes_model;
    mod column_names;
    mod command;
    mod damaged;
    mod doctor;
    mod dump;
    mod fixtures;
    mod fixtures_round_trip;
    mod leftovers;
    mod obstacles;
    mod pool;
    mod pool_values;
    mod private;
    #[cfg(unix)]
    mod private_files;
    mod public_types;
    #[cfg(target_os = "linux")]
    mod read_only_files;
    mod schemas;
    mod search;
    // Takes the command `sqlite3`.
    #[cfg(feature = "postgres")]
    mod search_follow;
    mod seed;
    mod seed_conflicts;
    mod seed_deferred;
    mod seed_model;
    mod seed_model_rollback;
    #[cfg(not(feature = "postgres"))]
    mod without_postgres;
}
mod suite;
