#![expect(missing_docs, reason = "Diesel's derive makes public items of its own")]

use std::fmt;

use diesel::prelude::*;

use super::backends;
use crate::backend::dialect::Dialect;
use crate::backend::sealed::Sealed;
use crate::backend::typed::{AsTyped, Typed};
use crate::drivers::{ConnectionType, connections};
#[cfg(feature = "_remote-http")]
use crate::remote::*;

/// Declares the enum of connections. Where a feature is off, a type of the same backend is in place
/// of the connection.
macro_rules! declare_any_connection {
    ($($dialect:ident, $backend:ident { $(
        $(#[$doc:meta])*
        $variant:ident {
            feature: $feature:literal,
            database: $_database:literal,
            connection: $connection:ty,
        }
    )* })*) => {
        /// A Diesel connection whose database is decided when the program runs.
        ///
        /// Runs your own queries, [`transaction`](diesel::Connection::transaction) and functions over
        /// `&mut AnyConnection`. Every function of this library accepts it like a typed connection.
        ///
        /// ```
        /// use covara_diesel::auth::{AuthError, NewSession, SessionStore};
        /// use covara_diesel::{AnyConnection, auto_migrate, open};
        /// use diesel::connection::SimpleConnection;
        /// use diesel::prelude::*;
        ///
        /// diesel::table! {
        ///     users (id) { id -> BigInt, name -> Text, }
        /// }
        ///
        /// /// Works on every database.
        /// fn sign_up(conn: &mut AnyConnection, id: i64, name: &str) -> Result<String, AuthError> {
        ///     conn.transaction(|conn| {
        ///         diesel::insert_into(users::table)
        ///             .values((users::id.eq(id), users::name.eq(name)))
        ///             .execute(conn)?;
        ///         let session = SessionStore::new().create(conn, NewSession::new(id.to_string()))?;
        ///         Ok(session.id.expose().to_owned())
        ///     })
        /// }
        ///
        /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
        /// let mut conn = open(":memory:")?.get()?;
        /// auto_migrate(&mut conn)?;
        /// conn.batch_execute("CREATE TABLE users (id BIGINT PRIMARY KEY, name TEXT NOT NULL)")?;
        /// sign_up(&mut conn, 1, "ada")?;
        /// let name: String = users::table.find(1).select(users::name).first(&mut conn)?;
        /// assert_eq!(name, "ada");
        ///
        /// // SQL that only one database understands.
        /// if let AnyConnection::Sqlite(sqlite) = &mut *conn {
        ///     sqlite.batch_execute("PRAGMA optimize")?;
        /// }
        /// # Ok(())
        /// # }
        /// ```
        ///
        /// A query must compile for every database whose feature is enabled, and Diesel's derive leaves
        /// some forms out:
        ///
        /// | not there | write |
        /// |---|---|
        /// | `as_returning()`, `get_result` of an insert without `returning` | `returning(table::all_columns)`, with Diesel's feature `returning_clauses_for_sqlite_3_35` |
        /// | `values(&rows)` of several rows | [`Seed`](crate::Seed), an insert for each, or [`with_typed!`](crate::with_typed) |
        /// | `on_conflict`, `replace_into`, `insert_or_ignore_into`, `union` | `sql_query`, or `with_typed!` |
        /// | `save_changes` | `update` with `set(&row)` |
        ///
        /// A query for one database only runs on the connection inside, reached by `match` or by
        /// `with_typed!`. In a pool of your own, a `PooledConnection` of `AnyConnection` is passed
        /// to this library as `&mut *conn`.
        ///
        /// Columns may have the types `SmallInt`, `Integer`, `BigInt`, `Float`, `Double`, `Text`,
        /// `Binary`, `Bool`, `Date`, `Time` and `Timestamp`. A
        /// Rust type of your own implements `ToSql` and `FromSql` for every backend that supports
        /// the type it wraps, `impl<DB: Backend> ToSql<Text, DB> for Role where str: ToSql<Text,
        /// DB>`, as Diesel's documentation shows.
        ///
        /// On D1, and on Neon over HTTP, `transaction` returns an error, because they have no
        /// transactions that span several calls.
        ///
        /// `establish` tries one database after the other and may take a URL for another
        /// database's. Open a pool with [`open`](crate::open) instead, or wrap a typed connection:
        /// `AnyConnection::Sqlite(conn)`.
        #[derive(diesel::MultiConnection)]
        #[non_exhaustive]
        pub enum AnyConnection {
            $($(
                $(#[$doc])*
                #[cfg(feature = $feature)]
                $variant($connection),
            )*)*
        }

        impl AnyConnection {
            /// Returns the SQL dialect of the connection.
            #[must_use]
            pub fn dialect(&self) -> Dialect {
                match self {
                    $($(
                        #[cfg(feature = $feature)]
                        Self::$variant(_) => ConnectionType::$variant.dialect(),
                    )*)*
                }
            }
        }

        /// Shows the kind of connection.
        impl fmt::Debug for AnyConnection {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $($(
                        #[cfg(feature = $feature)]
                        Self::$variant(_) => concat!(stringify!($variant), "(..)"),
                    )*)*
                })
            }
        }

        impl AsTyped for AnyConnection {
            type SqliteBackend = <backends::Sqlite as diesel::Connection>::Backend;
            type PostgresBackend = <backends::Postgres as diesel::Connection>::Backend;
            $($(
                #[cfg(feature = $feature)]
                type $variant = $connection;
                #[cfg(not(feature = $feature))]
                type $variant = backends::$dialect;
            )*)*

            fn typed(&mut self) -> Typed<'_, Self> {
                match self {
                    $($(
                        #[cfg(feature = $feature)]
                        Self::$variant(conn) => Typed::$variant(conn),
                    )*)*
                }
            }
        }
    };
}
connections!(declare_any_connection);

impl Sealed for AnyConnection {}
