//! Connections whose backend is known at compile time or only at run time.

use crate::backend::connection::BackendConnection;
use crate::backend::dialect::Dialect;
use crate::backend::engine::Engine;
use crate::backend::sealed::Sealed;
use crate::drivers::connections;

/// Declares what names every type of connection.
macro_rules! declare_typed {
    ($($dialect:ident, $backend:ident { $(
        $(#[$doc:meta])* $variant:ident { $($_rest:tt)* }
    )* })*) => {
        /// A connection that this library's functions accept: one of a known backend, or one that
        /// reveals its backend at run time, as [`AnyConnection`](crate::AnyConnection) does.
        ///
        /// Every [`BackendConnection`] implements it; code outside this crate need not implement
        /// it. To reach the typed connection, see [`with_typed!`](crate::with_typed).
        #[diagnostic::on_unimplemented(
            message = "`{Self}` is not a connection that this function takes",
            label = "expected a connection, such as `SqliteConnection`, `PgConnection` or one of a pool",
            note = "pass a connection of a pool as `&mut pool.get()?`, and one inside of another type as \
                    `&mut *conn`",
            note = "bound a function that is generic over its connection by `covara_diesel::AnyDatabase`"
        )]
        pub trait AsTyped: Sealed + Sized {
            /// The backend of its connections to SQLite.
            type SqliteBackend: Engine;
            /// The backend of its connections to PostgreSQL.
            type PostgresBackend: Engine;
            $($($(#[$doc])* type $variant: BackendConnection<Backend = Self::$backend>;)*)*

            /// Returns the typed connection.
            fn typed(&mut self) -> Typed<'_, Self>;
        }

        /// A connection with its type, as [`AsTyped::typed`] finds it.
        ///
        /// A connection over HTTP whose type was known before is the variant of its dialect.
        #[derive(Debug)]
        pub enum Typed<'c, D: AsTyped> {
            $($($(#[$doc])* $variant(&'c mut D::$variant),)*)*
        }

        /// Every variant holds the connection itself, because its type is known.
        impl<C: BackendConnection> AsTyped for C {
            type SqliteBackend = C::Backend;
            type PostgresBackend = C::Backend;
            $($(type $variant = C;)*)*

            fn typed(&mut self) -> Typed<'_, Self> {
                match C::Backend::DIALECT {
                    $(Dialect::$dialect => Typed::$dialect(self),)*
                }
            }
        }
    };
}
connections!(declare_typed);

/// Declares [`with_typed!`](crate::with_typed). `$d` is the dollar sign of the declared macro.
macro_rules! declare_with_typed {
    ($d:tt $($dialect:ident, $backend:ident { $(
        $(#[$doc:meta])* $variant:ident { $($_rest:tt)* }
    )* })*) => {
        /// Evaluates an expression with the typed connection inside an
        /// [`AnyConnection`](crate::AnyConnection).
        ///
        /// The expression is compiled once for each kind of connection, so it may contain whatever
        /// compiles for all of them: calls of this library, calls of generic functions of your own,
        /// and queries that both backends understand. For a query that only one of them
        /// understands, match on the [`AnyConnection`](crate::AnyConnection) itself.
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
            ($d any:expr, |$d conn:ident| $d body:expr) => {
                match $crate::AsTyped::typed($d any) {
                    $($($crate::Typed::$variant($d conn) => $d body,)*)*
                }
            };
        }
    };
}
connections!(declare_with_typed, $);
#[expect(
    clippy::single_component_path_imports,
    reason = "gives the macro a path inside this crate"
)]
pub(crate) use with_typed;

/// Declares a trait that every connection has whose backend, whichever it turns out to be, has the
/// engine trait of an area.
macro_rules! area_database {
    ($(#[$attribute:meta])* $name:ident: $engine:ident) => {
        $(#[$attribute])*
        #[diagnostic::on_unimplemented(
            message = "`{Self}` is not a connection that this function takes",
            label = "expected a connection, such as `SqliteConnection`, `PgConnection` or one of a pool",
            note = "pass a connection of a pool as `&mut pool.get()?`, and one inside of another type as \
                    `&mut *conn`",
            note = "bound a function that is generic over its connection by `covara_diesel::AnyDatabase`"
        )]
        pub trait $name:
            $crate::backend::typed::AsTyped<SqliteBackend: $engine, PostgresBackend: $engine>
        {
        }

        impl<C> $name for C where
            C: $crate::backend::typed::AsTyped<SqliteBackend: $engine, PostgresBackend: $engine>
        {
        }
    };
}

pub(crate) use area_database;
