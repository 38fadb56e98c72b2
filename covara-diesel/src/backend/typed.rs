//! Connections whose backend is known at compile time or only at run time.

use diesel::Connection;

use crate::backend::connection::BackendConnection;
use crate::backend::dialect::Dialect;
use crate::backend::engine::Engine;
use crate::backend::sealed::Sealed;

/// A connection that this library's functions accept: one of a known backend, or one that reveals
/// its backend at run time, as [`AnyConnection`](crate::AnyConnection) does.
///
/// Every [`BackendConnection`] implements it; code outside this crate need not implement it. To
/// reach the typed connection, see [`with_typed!`](crate::with_typed).
pub trait AsTyped: Sealed + Sized {
    /// The type of a connection to SQLite in a file or in memory.
    type Sqlite: BackendConnection;
    /// The type of a connection to libSQL over HTTP.
    type Libsql: BackendConnection<Backend = <Self::Sqlite as Connection>::Backend>;
    /// The type of a connection to D1 over HTTP.
    type D1: BackendConnection<Backend = <Self::Sqlite as Connection>::Backend>;
    /// The type of a connection to PostgreSQL.
    type Postgres: BackendConnection;

    /// Returns the typed connection.
    fn typed(&mut self) -> Typed<'_, Self>;
}

/// A connection with its type, as [`AsTyped::typed`] finds it.
#[derive(Debug)]
pub enum Typed<'c, D: AsTyped> {
    /// SQLite in a file or in memory, or a connection over HTTP whose type was known before.
    Sqlite(&'c mut D::Sqlite),
    /// libSQL over HTTP.
    Libsql(&'c mut D::Libsql),
    /// D1 over HTTP.
    D1(&'c mut D::D1),
    /// PostgreSQL.
    Postgres(&'c mut D::Postgres),
}

/// Every variant holds the connection itself, because its type is known.
impl<C: BackendConnection> AsTyped for C {
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

/// Evaluates an expression with the typed connection inside an
/// [`AnyConnection`](crate::AnyConnection).
///
/// The expression is compiled once for each kind of connection, so it may contain whatever compiles
/// for all of them: calls of this library, calls of generic functions of your own, and queries that
/// both backends understand. For a query that only one of them understands, match on the
/// [`AnyConnection`](crate::AnyConnection) itself.
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
        match $crate::AsTyped::typed($any) {
            $crate::Typed::Sqlite($conn) => $body,
            $crate::Typed::Libsql($conn) => $body,
            $crate::Typed::D1($conn) => $body,
            $crate::Typed::Postgres($conn) => $body,
        }
    };
}

/// Declares a trait that every connection has whose backend, whichever it turns out to be, has the
/// engine trait of an area.
macro_rules! area_database {
    ($(#[$attribute:meta])* $name:ident: $engine:ident) => {
        $(#[$attribute])*
        pub trait $name:
            $crate::backend::typed::AsTyped<
                Sqlite: $crate::backend::connection::BackendConnection<Backend: $engine>,
                Libsql: $crate::backend::connection::BackendConnection<Backend: $engine>,
                D1: $crate::backend::connection::BackendConnection<Backend: $engine>,
                Postgres: $crate::backend::connection::BackendConnection<Backend: $engine>,
            >
        {
        }

        impl<C> $name for C where
            C: $crate::backend::typed::AsTyped<
                    Sqlite: $crate::backend::connection::BackendConnection<Backend: $engine>,
                    Libsql: $crate::backend::connection::BackendConnection<Backend: $engine>,
                    D1: $crate::backend::connection::BackendConnection<Backend: $engine>,
                    Postgres: $crate::backend::connection::BackendConnection<Backend: $engine>,
                >
        {
        }
    };
}

pub(crate) use area_database;
