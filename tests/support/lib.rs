//! What the tests and benches of all backends share.

pub mod auth;
pub mod boot;
pub mod bounded;
pub mod bounds;
pub mod change_mirror;
pub mod changes;
pub mod cities;
pub mod cpu;
pub mod d1;
pub mod fault_proxy;
pub mod http;
pub mod https;
pub mod logged;
pub mod memory;
#[cfg(feature = "postgres")]
pub mod neon;
pub mod node;
pub mod node_server;
pub mod numbers;
#[cfg(feature = "postgres")]
pub mod own_postgres;
#[cfg(feature = "postgres")]
pub mod pgbouncer;
pub mod pglite;
pub mod places;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod random;
pub mod search;
pub mod server;
pub mod silent_proxy;
pub mod small_disk;
pub mod sqld;
pub mod sqlite;
pub mod temporary;
pub mod thorough;
pub mod workers;

/// The last that plain `cargo test` prints: doc tests run last, and of them only the names are
/// shown. The feature `postgres` stands for all that plain `cargo test` does without: servers, Node.js,
/// the command `sqlite3`, root, the examples of the guide for both backends, and tables with more than
/// 32 columns.
#[cfg(not(feature = "postgres"))]
pub mod left_out_are_postgresql_pgbouncer_pglite_libsql_d1_neon_two_examples_of_the_guide_wide_tables_and_checks_by_node_sqlite3_or_root {
    /// ```
    /// assert!(cfg!(not(feature = "postgres")));
    /// ```
    pub mod tests_run_runs_them_too_and_wide_tables_with_everything {}
}
