//! Diagnoses a database.
//!
//! `doctor::sqlite`, `doctor::postgres`, `doctor::libsql`, `doctor::d1` and `doctor::neon_http` open
//! the database themselves, only read it, and return their findings as a [`Report`]. They create and
//! change neither files nor tables.
//!
//! ```
//! use covara_diesel::{auto_migrate, doctor, pool};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("app.db");
//! let pool = pool::sqlite(&path)?;
//! auto_migrate(&mut pool.get()?)?;
//!
//! let report = doctor::sqlite(&path)?;
//! assert!(report.is_healthy());
//! assert_eq!(report.setting("journal_mode"), Some("wal"));
//! # Ok(())
//! # }
//! ```

#[cfg(feature = "changes")]
mod changes;
#[cfg(not(feature = "changes"))]
#[path = "no_changes.rs"]
mod changes;
pub(crate) mod findings;
#[cfg(feature = "neon")]
mod neon;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "_remote-sqlite")]
pub(crate) mod remote;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::fmt;

#[cfg(feature = "neon")]
pub use self::neon::neon_http;
#[cfg(feature = "postgres")]
pub use self::postgres::postgres;
#[cfg(feature = "d1")]
pub use self::remote::d1;
#[cfg(feature = "libsql")]
pub use self::remote::libsql;
#[cfg(feature = "sqlite")]
pub use self::sqlite::sqlite;

use crate::backend::dialect::Dialect;
use crate::migrate::{MigrateError, MigrationStatus};
use crate::pool::{PoolConfig, PoolDriver};

/// The result of an examination.
#[derive(Debug)]
#[non_exhaustive]
#[must_use = "an examination only reads: what it found is all it does"]
pub struct Report {
    /// The dialect of the database.
    pub dialect: Dialect,
    /// Path of the file, or name of the database.
    pub database: String,
    /// The engine's version, as the engine reports it.
    pub engine_version: String,
    /// The client library and its version, if it is separate from the engine and can be determined:
    /// libpq on Linux, unless it is compiled in.
    pub client_version: Option<String>,
    /// Version of this library.
    pub library_version: &'static str,
    /// The pooler or proxy between this program and the engine, if any.
    pub pooler: Pooler,
    /// The driver to open a pool with.
    pub driver: PoolDriver,
    /// The recommended settings of that driver.
    pub pool: PoolConfig,
    /// Migrations and internal tables, unless they cannot be read.
    pub migrations: Result<MigrationStatus, MigrateError>,
    /// Relevant settings in the engine's own terms, each with its unit. Settings of a connection
    /// are those that the library's pools set.
    pub settings: Vec<Setting>,
    /// The findings, problems first.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Returns whether no problem was found.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.findings
            .iter()
            .all(|finding| finding.severity != Severity::Problem)
    }

    /// Returns the value of a setting, if the examination covers it.
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings
            .iter()
            .find(|setting| setting.name == name)
            .map(|setting| setting.value.as_str())
    }
}

/// A setting of the database or of a connection to it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Setting {
    /// The name that the engine uses.
    pub name: String,
    /// The value with its unit.
    pub value: String,
}

/// The pooler or proxy between this program and the engine, as far as it can be detected.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pooler {
    /// No pooler was detected. A pooler in session mode that passes everything on looks the same,
    /// and so does a transaction pooler that happened to assign other sessions.
    NothingSeen,
    /// A pooler that lends a session for one transaction at a time, such as PgBouncer in
    /// transaction mode, Neon's `-pooler` endpoints or Hyperdrive. Prepared statements,
    /// `SET`, session locks and `LISTEN` do not work through it.
    TransactionPooler {
        /// The observation that shows it.
        evidence: String,
    },
    /// A pooler or proxy that gave each connection a session of its own during the examination: a
    /// pooler in session mode, or a busy one in transaction mode.
    Proxy {
        /// The observation that shows it.
        evidence: String,
    },
    /// PGlite, whose clients all share one session.
    Pglite,
}

impl fmt::Display for Pooler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingSeen => f.write_str("no transaction pooler seen"),
            Self::TransactionPooler { evidence } => write!(f, "a transaction pooler: {evidence}"),
            Self::Proxy { evidence } => {
                write!(f, "a pooler or proxy, no transaction mode seen: {evidence}")
            }
            Self::Pglite => f.write_str("PGlite: all clients share one session"),
        }
    }
}

/// A problem, warning or hint about a database.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The severity of the finding.
    pub severity: Severity,
    /// A description of the finding, and what to do.
    pub text: String,
}

/// The severity of a [`Finding`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Severity {
    /// Something will fail.
    Problem,
    /// Something works, but not as it should.
    Warning,
    /// Something is worth knowing.
    Hint,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Problem => "problem",
            Self::Warning => "warning",
            Self::Hint => "hint",
        })
    }
}
