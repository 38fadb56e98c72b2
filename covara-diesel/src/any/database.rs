use diesel::QueryResult;
use diesel::connection::Connection;
use diesel::query_builder::QueryFragment;

use crate::auth::engine::{AuthDatabase, AuthEngine};
use crate::backend::connection::BackendConnection;
use crate::backend::typed::AsTyped;
use crate::dump::engine::{DumpDatabase, DumpEngine};
use crate::migrate::engine::{MigrateDatabase, MigrateEngine};
use crate::seed::engine::{SeedDatabase, SeedEngine};

/// A typed connection that this library works on: plain, pooled or remote.
///
/// A bound for functions of your own, which are compiled for each type of connection. Their own SQL
/// goes through `batch_execute`; Diesel's queries need a connection of a known type.
/// [`AnyDatabase`] is the bound for functions that take [`AnyConnection`](crate::AnyConnection), too.
/// Implemented for every typed connection of this library, and for no other.
///
/// ```
/// use covara_diesel::{DatabaseConnection, auto_migrate};
/// use diesel::connection::SimpleConnection;
///
/// fn boot<C: DatabaseConnection>(conn: &mut C) -> Result<(), Box<dyn std::error::Error>> {
///     auto_migrate(conn)?;
///     conn.batch_execute("CREATE TABLE notes (id BIGINT PRIMARY KEY)")?;
///     Ok(())
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// boot(&mut covara_diesel::pool::sqlite(":memory:")?.get()?)?;
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a connection that this function takes",
    label = "expected a connection, such as `SqliteConnection`, `PgConnection` or one of a pool",
    note = "pass a connection of a pool as `&mut pool.get()?`, and one inside of another type as \
            `&mut *conn`",
    note = "bound a function that is generic over its connection by `covara_diesel::AnyDatabase`"
)]
pub trait DatabaseConnection:
    BackendConnection<Backend: AuthEngine + MigrateEngine + SeedEngine + DumpEngine>
    + AsTyped<
        SqliteBackend = <Self as Connection>::Backend,
        PostgresBackend = <Self as Connection>::Backend,
    >
{
    /// Returns the number of bind parameters that one statement may carry: 32,766 on SQLite and
    /// libSQL, 65,535 on PostgreSQL, 100 on D1.
    fn bind_limit(&self) -> usize {
        self.most_binds()
    }

    /// Returns whether the connection supports interactive transactions. D1's and Neon's
    /// over HTTP do not.
    fn has_transactions(&self) -> bool {
        self.is_transactional()
    }

    /// Executes the statements in order, all or none of them, and returns how many rows each
    /// changed: in a transaction that takes the write lock when it begins, on PostgreSQL one at
    /// READ COMMITTED, or in one request where there are no interactive transactions.
    ///
    /// # Errors
    ///
    /// The database's own. Nothing has changed then.
    fn execute_atomically(
        &mut self,
        statements: &[&dyn QueryFragment<Self::Backend>],
    ) -> QueryResult<Vec<usize>> {
        self.atomically(statements)
    }
}

impl<C: BackendConnection<Backend: AuthEngine + MigrateEngine + SeedEngine + DumpEngine>>
    DatabaseConnection for C
{
}

/// A connection that this library migrates, seeds, dumps and keeps sessions on: a typed one such as
/// `SqliteConnection`, a pooled one, or [`AnyConnection`](crate::AnyConnection).
///
/// Bounds functions of your own that call this library on whatever connection they are given. To
/// search in them too, bound them by `search::SearchDatabase` as well. It
/// is implemented for every connection of this library, and for no other.
///
/// ```
/// use covara_diesel::{AnyDatabase, auto_migrate, open, write_transaction};
/// use covara_diesel::migrate::MigrateError;
///
/// fn boot<C: AnyDatabase>(conn: &mut C) -> Result<(), MigrateError> {
///     write_transaction(conn, |conn| auto_migrate(conn).map(drop))
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// boot(&mut open("sqlite::memory:")?.get()?)?;
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a connection that this function takes",
    label = "expected a connection, such as `SqliteConnection`, `PgConnection` or one of a pool",
    note = "pass a connection of a pool as `&mut pool.get()?`, and one inside of another type as \
            `&mut *conn`",
    note = "bound a function that is generic over its connection by `covara_diesel::AnyDatabase`"
)]
pub trait AnyDatabase:
    AsTyped + AuthDatabase + MigrateDatabase + SeedDatabase + DumpDatabase
{
}

impl<C: AsTyped + AuthDatabase + MigrateDatabase + SeedDatabase + DumpDatabase> AnyDatabase for C {}
