//! The shared suite and what only PostgreSQL has, on PostgreSQL.

mod backend {
    pub use support::postgres::TestDb;
    pub type Conn = diesel::PgConnection;
}
