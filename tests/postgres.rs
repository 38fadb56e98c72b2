//! The shared suite and what only PostgreSQL has, on PostgreSQL.

mod backend {
    use covara_diesel::Dialect;
    use covara_diesel::pool::PoolDriver;
    use diesel::connection::SimpleConnection;
    use diesel::prelude::*;
    use diesel::r2d2::{ConnectionManager, Pool};
    use diesel::sql_types::Text;

    pub use covara_diesel::POSTGRES_MIGRATIONS as MIGRATIONS;
    pub use covara_diesel::schema::postgres as schema;
    pub use support::postgres::TestDb;

    pub type Conn = PgConnection;

    pub const DIALECT: Dialect = Dialect::Postgres;
    /// One round trip.
    pub const QUERIES_OF_AN_IDLE_BOOT: usize = 1;
    pub const TIME: &str = "TIMESTAMP";
    pub const BLOB: &str = "BYTEA";
    pub const TIMESTAMP: &str = "TIMESTAMP";
    pub const HAS_NAN: bool = true;
    pub const TEXT_HOLDS_NUL: bool = false;
    pub const HAS_SERVER: bool = true;
    pub const INDEX_ON_VIEW: &str = "cannot create index on relation \"auth_api_keys\"";

    macro_rules! spread_internal_schema {
        () => {
            covara_diesel::internal_schema!(postgres);
        };
    }
    pub(crate) use spread_internal_schema;

    pub fn pool(url: &str) -> Pool<ConnectionManager<Conn>> {
        covara_diesel::pool::postgres(url, PoolDriver::Postgres).expect("a usable URL")
    }

    #[derive(QueryableByName)]
    struct Name {
        #[diesel(sql_type = Text)]
        name: String,
    }

    fn names(conn: &mut Conn, sql: &str) -> Vec<String> {
        diesel::sql_query(sql)
            .load::<Name>(conn)
            .unwrap()
            .into_iter()
            .map(|row| row.name)
            .collect()
    }

    /// Tables, views and indexes.
    pub fn tables(conn: &mut Conn) -> Vec<String> {
        names(
            conn,
            "SELECT relname::text AS name FROM pg_class
             WHERE relnamespace = 'public'::regnamespace ORDER BY relname",
        )
    }

    pub fn write_transaction(conn: &mut Conn, work: impl FnOnce(&mut Conn)) {
        conn.transaction(|conn| {
            work(conn);
            QueryResult::Ok(())
        })
        .unwrap();
    }

    pub fn lock_wait(conn: &mut Conn) -> String {
        names(conn, "SELECT current_setting('lock_timeout') AS name").remove(0)
    }

    pub fn read_only(db: &TestDb) -> Conn {
        let mut conn = db.connect();
        conn.batch_execute("SET default_transaction_read_only = on")
            .unwrap();
        conn
    }

    pub fn load_interop(db: &TestDb) {
        let dump = include_str!("interop/covara-ts.pg.sql");
        // A schema of the dump's own making is in the way of the database's.
        db.connect().batch_execute(dump).unwrap();
    }

    /// URLs that cannot be opened, with a part of what is said of them.
    pub fn bad_urls() -> Vec<(String, &'static str)> {
        let server = support::postgres::server_url();
        let (_, address) = server.split_once('@').unwrap();
        vec![
            (
                format!("postgres://covara:hunter2@{address}"),
                "refused the user name or password",
            ),
            (
                "postgres://covara:hunter2@127.0.0.1:1/app".to_owned(),
                "cannot be reached",
            ),
            (format!("{server}_nothing"), "no such database"),
            (
                "postgres://covara:hunter2%zz@127.0.0.1/app".to_owned(),
                "check the URL",
            ),
        ]
    }

    /// Ends every other connection to the database.
    pub fn break_connections(db: &TestDb) {
        db.connect()
            .batch_execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = current_database() AND pid <> pg_backend_pid()",
            )
            .unwrap();
    }

    /// Waits until the server has noticed that all other clients are gone.
    pub fn wait_until_alone(conn: &mut Conn) {
        while !names(
            conn,
            "SELECT pid::text AS name FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()
                 AND backend_type = 'client backend'",
        )
        .is_empty()
        {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }

    pub fn rows_as_text(conn: &mut Conn, table: &str) -> Vec<String> {
        names(
            conn,
            &format!("SELECT t::text AS name FROM {table} AS t ORDER BY ctid"),
        )
    }
}

mod postgres {
    mod migrate;
    mod pool;
    mod seed;
}
mod suite;
