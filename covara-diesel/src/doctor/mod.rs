//! What a database is like, and what about it asks for attention.
//!
//! `doctor::sqlite` and `doctor::postgres` open the database by themselves, only read, and
//! tell what they found as a [`Report`]. Neither a file nor a table is made or changed.
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

pub(crate) mod findings;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::fmt;

#[cfg(feature = "postgres")]
pub use self::postgres::postgres;
#[cfg(feature = "sqlite")]
pub use self::sqlite::sqlite;

use crate::backend::dialect::Dialect;
use crate::migrate::{MigrateError, MigrationStatus};
use crate::pool::{PoolConfig, PoolDriver};

/// What an examination found.
#[derive(Debug)]
#[non_exhaustive]
#[must_use = "an examination only reads: what it found is all it does"]
pub struct Report {
    /// The dialect of the database.
    pub dialect: Dialect,
    /// Path of the file, or name of the database.
    pub database: String,
    /// The engine's version, as it tells it.
    pub engine_version: String,
    /// The client library and its version, where it is another program's than the engine and
    /// can be told: libpq on Linux, unless it is compiled in.
    pub client_version: Option<String>,
    /// Version of this library.
    pub library_version: &'static str,
    /// What stands between this program and the engine.
    pub pooler: Pooler,
    /// The driver to open a pool with.
    pub driver: PoolDriver,
    /// The recommended settings of that driver.
    pub pool: PoolConfig,
    /// Migrations and internal tables, unless they cannot be read.
    pub migrations: Result<MigrationStatus, MigrateError>,
    /// Settings that matter, in the engine's own words, each with its unit. Those of a
    /// connection are what the library's pools give to theirs.
    pub settings: Vec<Setting>,
    /// What asks for attention, problems first.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Whether nothing was found that will fail.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.findings
            .iter()
            .all(|finding| finding.severity != Severity::Problem)
    }

    /// The value of a setting, if the examination covers it.
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
    /// Its name, as the engine has it.
    pub name: String,
    /// Its value, with its unit.
    pub value: String,
}

/// What stands between this program and the engine, as far as it can be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pooler {
    /// Nothing was seen. A pooler in session mode that passes everything on looks the same,
    /// and so does a transaction pooler that happened to hand out other sessions.
    NothingSeen,
    /// A pooler that lends a session for one transaction at a time, such as PgBouncer in
    /// transaction mode, Neon's `-pooler` endpoints or Hyperdrive. Prepared statements,
    /// `SET`, session locks and `LISTEN` do not work through it.
    TransactionPooler {
        /// How it was seen.
        evidence: String,
    },
    /// A pooler or proxy that gave each connection a session of its own while it was looked
    /// at: a pooler in session mode, or one in transaction mode that is busy.
    Proxy {
        /// How it was seen.
        evidence: String,
    },
    /// PGlite, one session that all its clients share.
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

/// Something that asks for attention.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// What it is, and what to do.
    pub text: String,
}

/// How much a [`Finding`] matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Severity {
    /// It will fail.
    Problem,
    /// It works, but not as it should.
    Warning,
    /// Good to know.
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
