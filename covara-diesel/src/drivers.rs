//! The types of connections and the drivers, as plain data.
//!
//! A new driver is a row of [`PoolDriver`]. If it has a type of connection of its own, that is a
//! row of [`connections!`].

use std::time::Duration;

use crate::backend::dialect::Dialect;

/// Passes the types of connections to the macro `$then`.
///
/// Each row is a variant of `AnyConnection` and of `Typed`, below the dialect and the backend that
/// its connections have. `database` is its name in errors, and `connection` is the type, which
/// Diesel's prelude or `remote` has if the feature is on. An `$argument` is passed on before the rows.
macro_rules! connections {
    ($then:ident $(, $argument:tt)?) => {
        $then! {
            $($argument)?
            Sqlite, SqliteBackend {
                /// SQLite in a file or in memory.
                Sqlite {
                    feature: "sqlite",
                    database: "SQLite",
                    connection: SqliteConnection,
                }
                /// libSQL over HTTP.
                Libsql {
                    feature: "libsql",
                    database: "libSQL",
                    connection: LibsqlConnection,
                }
                /// D1 over HTTP.
                D1 {
                    feature: "d1",
                    database: "D1",
                    connection: D1Connection,
                }
            }
            Postgres, PostgresBackend {
                /// PostgreSQL.
                Postgres {
                    feature: "postgres",
                    database: "PostgreSQL",
                    connection: PgConnection,
                }
                /// Neon over HTTP.
                NeonHttp {
                    feature: "neon",
                    database: "Neon over HTTP",
                    connection: NeonHttpConnection,
                }
            }
        }
    };
}
pub(crate) use connections;

macro_rules! declare_connection_types {
    ($($dialect:ident, $backend:ident { $(
        $(#[$doc:meta])*
        $variant:ident { feature: $feature:literal, database: $database:literal, $($_rest:tt)* }
    )* })*) => {
        /// A type of connection, whether its feature is on or off.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum ConnectionType {
            $($($(#[$doc])* $variant,)*)*
        }

        impl ConnectionType {
            #[cfg(feature = "cli")]
            pub(crate) const ALL: &'static [Self] = &[$($(Self::$variant,)*)*];

            /// Returns whether its feature is on.
            pub(crate) fn is_enabled(self) -> bool {
                match self {
                    $($(Self::$variant => cfg!(feature = $feature),)*)*
                }
            }

            pub(crate) fn dialect(self) -> Dialect {
                match self {
                    $($(Self::$variant => Dialect::$dialect,)*)*
                }
            }

            /// Returns the name of the database, as errors show it.
            pub(crate) fn database(self) -> &'static str {
                match self {
                    $($(Self::$variant => $database,)*)*
                }
            }

            /// Returns the name of the feature that enables it.
            pub(crate) fn feature(self) -> &'static str {
                match self {
                    $($(Self::$variant => $feature,)*)*
                }
            }
        }
    };
}
connections!(declare_connection_types);

/// Everything that the library knows of a driver.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Driver {
    /// The names that parse as the driver. The first one is its own.
    pub(crate) names: &'static [&'static str],
    pub(crate) connection: ConnectionType,
    pub(crate) route: Route,
    pub(crate) urls: Urls,
    pub(crate) max_size: u32,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) connection_timeout: Option<Duration>,
    /// The reason for these settings, in a sentence or two.
    pub(crate) notes: &'static str,
}

/// The way in which connections reach the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// The database is in this process.
    Local,
    /// By requests over HTTP, without a session.
    Http,
    /// By a socket, with a session of their own.
    Session,
    /// By a socket to a pooler, which assigns each transaction another session.
    Pooler,
    /// By a socket to a server that has one session for all clients.
    SharedSession,
}

/// The URLs that name a driver. Those of a PostgreSQL server may name it by the parameter `driver`,
/// too.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Urls {
    /// A path, `:memory:`, `sqlite:` or `file:`.
    Path,
    /// URLs with one of these schemes.
    Schemes(&'static [&'static str]),
    /// URLs with this scheme, and `http:` and `https:` with the parameter `driver`.
    SchemeOrHttp(&'static str),
    /// URLs of a PostgreSQL server that has such a host, given in lower case without the port.
    Host(fn(&str) -> bool),
    /// Only the parameter `driver`.
    Parameter,
}

const fn seconds(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds))
}

macro_rules! drivers {
    (
        $(#[$attribute:meta])*
        pub enum $name:ident { $($(#[$doc:meta])* $variant:ident = $row:expr,)+ }
    ) => {
        $(#[$attribute])*
        pub enum $name {
            $($(#[$doc])* $variant,)+
        }

        impl $name {
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant,)+];

            pub(crate) fn row(self) -> Driver {
                match self {
                    $(Self::$variant => $row,)+
                }
            }
        }
    };
}

drivers! {
    /// The drivers of Covara's database layer.
    ///
    /// | driver | URL | max size | idle time-out | connection time-out |
    /// |---|---|---|---|---|
    /// | `Sqlite` | a path, `:memory:`, `sqlite:`, `file:` | 4 | none | 30 s |
    /// | `Libsql` | `libsql://`, `http://…?driver=libsql` | 1 | none | 10 s |
    /// | `D1` | `d1://` | 1 | none | 30 s, r2d2's own |
    /// | `Postgres` | `postgres://`, `postgresql://`, libpq's `key=value` form | 10 | 20 s | 10 s |
    /// | `Neon` | the same with a host whose first label ends in `-pooler` | 1 | none | 10 s |
    /// | `NeonHttp` | the same with the parameter `driver=neon-http` | 1 | none | 10 s |
    /// | `Hyperdrive` | the same with a host `….hyperdrive.local` | 5 | 10 s | 10 s |
    /// | `Pglite` | the same with the parameter `driver=pglite` | 1 | none | 30 s, r2d2's own |
    ///
    /// The sizes and time-outs are those of
    /// [`recommended_pool_config`](crate::pool::recommended_pool_config).
    ///
    /// The parameter `driver=hyperdrive` (`neon`, `neon-http`, `pglite`, `postgres`) takes precedence over the
    /// host. It is removed before libpq sees the URL. Use it for a transaction pooler or PGlite,
    /// which no host name reveals. Opening the pool tests for both, but the test may miss a busy
    /// pooler.
    ///
    /// [`FromStr`](std::str::FromStr) also accepts Covara's own names, such as `"postgres-js"` and
    /// `"better-sqlite3"`.
    ///
    /// ```
    /// use covara_diesel::pool::PoolDriver;
    ///
    /// assert_eq!("postgres-js".parse(), Ok(PoolDriver::Postgres));
    /// assert!("oracle".parse::<PoolDriver>().is_err());
    /// ```
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    pub enum PoolDriver {
        /// SQLite in a local file or in memory.
        Sqlite = Driver {
            names: &["sqlite", "better-sqlite3"],
            connection: ConnectionType::Sqlite,
            route: Route::Local,
            urls: Urls::Path,
            max_size: 4,
            idle_timeout: None,
            connection_timeout: seconds(30),
            notes: "One writer at a time and readers beside it (WAL): more connections speed up \
                    reading and make writers wait longer for each other. An in-memory database \
                    gets exactly one connection.",
        },
        /// libSQL / Turso over HTTP.
        Libsql = Driver {
            names: &["libsql"],
            connection: ConnectionType::Libsql,
            route: Route::Http,
            urls: Urls::SchemeOrHttp("libsql"),
            max_size: 1,
            idle_timeout: None,
            connection_timeout: seconds(10),
            notes: "Requests over HTTP are multiplexed by the server; one connection is one \
                    stream.",
        },
        /// Cloudflare D1 over HTTP.
        D1 = Driver {
            names: &["d1"],
            connection: ConnectionType::D1,
            route: Route::Http,
            urls: Urls::Schemes(&["d1"]),
            max_size: 1,
            idle_timeout: None,
            connection_timeout: None,
            notes: "Requests over HTTP without a session; the platform queues them.",
        },
        /// PostgreSQL, connected to directly.
        Postgres = Driver {
            names: &["postgres", "postgres-js"],
            connection: ConnectionType::Postgres,
            route: Route::Session,
            urls: Urls::Schemes(&["postgres", "postgresql"]),
            max_size: 10,
            idle_timeout: seconds(20),
            connection_timeout: seconds(10),
            notes: "A tenth of a default server's 100 connections, given back when idle.",
        },
        /// Neon, by its pooled endpoint.
        Neon = Driver {
            names: &["neon"],
            connection: ConnectionType::Postgres,
            route: Route::Pooler,
            urls: Urls::Host(|host| {
                host.split_once('.').is_some_and(|(first, _)| first.ends_with("-pooler"))
            }),
            max_size: 1,
            idle_timeout: None,
            connection_timeout: seconds(10),
            notes: "Neon pools on its side. Prepared statements are off, as its pooler hands each \
                    transaction to another session.",
        },
        /// Neon, over HTTP.
        NeonHttp = Driver {
            names: &["neon-http"],
            connection: ConnectionType::NeonHttp,
            route: Route::Http,
            urls: Urls::Parameter,
            max_size: 1,
            idle_timeout: None,
            connection_timeout: seconds(10),
            notes: "Requests over HTTP without a session; Neon pools on its side.",
        },
        /// Cloudflare Hyperdrive, a transaction pooler.
        Hyperdrive = Driver {
            names: &["hyperdrive"],
            connection: ConnectionType::Postgres,
            route: Route::Pooler,
            urls: Urls::Host(|host| host.ends_with(".hyperdrive.local")),
            max_size: 5,
            idle_timeout: seconds(10),
            connection_timeout: seconds(10),
            notes: "Hyperdrive pools by transaction, so prepared statements are off; a few \
                    connections suffice and idle ones are given back soon.",
        },
        /// PGlite over its socket server.
        Pglite = Driver {
            names: &["pglite"],
            connection: ConnectionType::Postgres,
            route: Route::SharedSession,
            urls: Urls::Parameter,
            max_size: 1,
            idle_timeout: None,
            connection_timeout: None,
            notes: "PGlite is one session shared by all clients: one connection, prepared \
                    statements off.",
        },
    }
}
