//! The shared suite and what only SQLite has, on SQLite.

mod backend {
    pub use support::sqlite::TestDb;
    pub type Conn = diesel::SqliteConnection;
}
