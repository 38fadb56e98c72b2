//! Connections whose backend is known when the program is compiled, or only when it runs.

use diesel::Connection;

use crate::backend::connection::DatabaseConnection;
use crate::backend::dialect::Dialect;
use crate::backend::engine::Engine;
use crate::backend::sealed::Sealed;

/// What this library's functions take: a connection of one backend, or one that turns out to
/// be of one when it is asked, as [`AnyConnection`](crate::AnyConnection) does.
///
/// Each [`DatabaseConnection`] is one of these. To reach the typed connection, see
/// [`with_typed!`](crate::with_typed).
///
/// This trait is sealed: only this crate can implement it.
pub trait AnyDatabase: Sealed + Sized {
    /// The connection, if it is one to SQLite in a file or in memory.
    type Sqlite: DatabaseConnection;
    /// The connection, if it is one to libSQL over HTTP.
    type Libsql: DatabaseConnection<Backend = <Self::Sqlite as Connection>::Backend>;
    /// The connection, if it is one to D1 over HTTP.
    type D1: DatabaseConnection<Backend = <Self::Sqlite as Connection>::Backend>;
    /// The connection, if it is one to PostgreSQL.
    type Postgres: DatabaseConnection;

    /// The connection with its type.
    fn typed(&mut self) -> Typed<'_, Self>;
}

/// A connection with its type, as [`AnyDatabase::typed`] finds it.
#[derive(Debug)]
pub enum Typed<'c, D: AnyDatabase> {
    /// SQLite in a file or in memory.
    Sqlite(&'c mut D::Sqlite),
    /// libSQL over HTTP.
    Libsql(&'c mut D::Libsql),
    /// D1 over HTTP.
    D1(&'c mut D::D1),
    /// PostgreSQL.
    Postgres(&'c mut D::Postgres),
}

/// Its type is known: whichever place it is in, it is itself.
impl<C: DatabaseConnection> AnyDatabase for C {
    type Sqlite = C;
    type Libsql = C;
    type D1 = C;
    type Postgres = C;

    fn typed(&mut self) -> Typed<'_, Self> {
        match C::Backend::DIALECT {
            Dialect::Sqlite => Typed::Sqlite(self),
            Dialect::Postgres => Typed::Postgres(self),
        }
    }
}

/// Does something with the typed connection in an [`AnyConnection`](crate::AnyConnection).
///
/// The expression is compiled once for each kind of connection, so it may hold whatever
/// compiles for all of them: calls of this library, calls of generic functions of your own,
/// and queries that both backends understand. For what only one of them understands, match
/// on the [`AnyConnection`](crate::AnyConnection) itself.
///
/// ```
/// use covara_diesel::{open, with_typed};
/// use diesel::prelude::*;
/// use diesel::connection::SimpleConnection;
///
/// diesel::table! {
///     notes (id) { id -> BigInt, text -> Text, }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut conn = open(":memory:")?.get()?;
/// let texts: Vec<String> = with_typed!(&mut conn, |conn| {
///     conn.batch_execute("CREATE TABLE notes (id BIGINT PRIMARY KEY, text TEXT NOT NULL)")?;
///     diesel::insert_into(notes::table)
///         .values((notes::id.eq(1), notes::text.eq("bread")))
///         .execute(conn)?;
///     notes::table.select(notes::text).load(conn)?
/// });
/// assert_eq!(texts, ["bread"]);
/// # Ok(())
/// # }
/// ```
#[macro_export]
macro_rules! with_typed {
    ($any:expr, |$conn:ident| $body:expr) => {
        match $crate::AnyDatabase::typed($any) {
            $crate::Typed::Sqlite($conn) => $body,
            $crate::Typed::Libsql($conn) => $body,
            $crate::Typed::D1($conn) => $body,
            $crate::Typed::Postgres($conn) => $body,
        }
    };
}
