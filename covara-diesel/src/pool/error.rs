use std::path::PathBuf;

use std::time::Duration;

use diesel::ConnectionError;

use super::url::UnknownUrlError;

/// The error of opening a database. No text contains a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// The directory of the database file does not exist.
    #[error("the directory {} does not exist; create it first", directory.display())]
    MissingDirectory {
        /// The directory.
        directory: PathBuf,
    },

    /// The file does not exist and must not be created.
    #[error("the file {} does not exist", path.display())]
    MissingFile {
        /// Path of the file.
        path: PathBuf,
    },

    /// The file exists but is not an SQLite database.
    #[error("{} is not an SQLite database; give another path", path.display())]
    NotADatabase {
        /// Path of the file.
        path: PathBuf,
    },

    /// The file can be read but not written.
    #[error("{} is read-only; give write access to the file and its directory", path.display())]
    ReadOnly {
        /// Path of the file.
        path: PathBuf,
    },

    /// The disk is full.
    #[error("no space is left on the disk of {}; free some first", path.display())]
    DiskFull {
        /// Path of the file.
        path: PathBuf,
    },

    /// Another program kept the database locked.
    #[error("another program keeps {} locked; try again when it has ended", path.display())]
    Locked {
        /// Path of the file.
        path: PathBuf,
    },

    /// The file cannot be opened.
    #[error("cannot open {}; check that it is a file you may read and write", path.display())]
    Open {
        /// Path of the file.
        path: PathBuf,
        /// The database's own error.
        source: ConnectionError,
    },

    /// The URL's scheme belongs to no driver that fits the function that was called.
    #[error("{scheme:?} is not a scheme of {dialect} URLs; use {expected}")]
    UnsupportedScheme {
        /// The given scheme, without `:`.
        scheme: String,
        /// The requested dialect.
        dialect: crate::Dialect,
        /// The accepted forms.
        expected: &'static str,
    },

    /// The URL names no driver.
    #[error(transparent)]
    Url(#[from] UnknownUrlError),

    /// The URL names a driver that was not compiled in.
    #[error(
        "this program was built without {database}: add the feature {feature:?} of covara-diesel"
    )]
    FeatureOff {
        /// The database of the URL.
        database: &'static str,
        /// The feature to add.
        feature: &'static str,
    },

    /// The server rejected the user name or password.
    #[error("the server refused the user name or password; check them in the URL")]
    Authentication {
        /// The server's own message.
        source: ConnectionError,
    },

    /// The server has no such database.
    #[error("the server has no such database; create it, or check its name in the URL")]
    UnknownDatabase {
        /// The server's own message.
        source: ConnectionError,
    },

    /// Nothing answers at the host and port, or not in time.
    #[error("the server cannot be reached; check that it runs and that host and port are right")]
    Unreachable {
        /// The client library's own message.
        source: ConnectionError,
    },

    /// Another failure to connect.
    #[error("cannot connect to the database; check the URL")]
    Connect {
        /// The client library's own message.
        source: ConnectionError,
    },

    /// A connection was opened, but could not be set up.
    #[error("a connection could not be set up")]
    Setup {
        /// The database's own error.
        source: diesel::result::Error,
    },

    /// The pool could not open its first connections within the connection time-out.
    #[error("the pool could not open its first connections in time")]
    Pool {
        /// The pool's own error.
        source: r2d2::Error,
    },

    /// All connections of the pool stayed in use for the whole connection time-out.
    #[error(
        "all {max_size} connections of the pool were in use for {waited:?}; return them \
         sooner, or raise max_size"
    )]
    Exhausted {
        /// The maximum number of connections.
        max_size: u32,
        /// The connection time-out.
        waited: Duration,
        /// The pool's own error.
        source: r2d2::Error,
    },

    /// The pool could not open another connection within the connection time-out.
    #[error("the pool could not connect to the database in time; check that it runs")]
    NoConnection {
        /// The pool's own error.
        source: r2d2::Error,
    },

    /// A setting is invalid.
    #[error("the pool settings are wrong: {problem}")]
    InvalidConfig {
        /// The name of the setting and the values it allows.
        problem: &'static str,
    },
}
