use std::fmt;

use super::slot::Slot;
use crate::any_backends::{D1, Libsql, Postgres, Sqlite};
use crate::dialect::Dialect;
use crate::typed::{AnyDatabase, Typed};

/// A connection of an [`AnyPool`](super::AnyPool), whose type the URL has decided.
///
/// [`auto_migrate`](crate::auto_migrate), seeds and the stores of [`auth`](crate::auth) take
/// it as they take a typed one. For queries of your own there are
/// [`with_typed!`](crate::with_typed), which compiles them for each kind, and a `match`:
///
/// ```
/// use covara_diesel::{AnyConnection, open};
/// use diesel::connection::SimpleConnection;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut conn = open(":memory:")?.get()?;
/// if let AnyConnection::Sqlite(sqlite) = &mut conn {
///     sqlite.batch_execute("PRAGMA optimize")?;
/// }
/// # Ok(())
/// # }
/// ```
#[non_exhaustive]
pub enum AnyConnection {
    /// A pooled `SqliteConnection`.
    Sqlite(<Sqlite as Slot>::Pooled),
    /// A pooled `LibsqlConnection`.
    Libsql(<Libsql as Slot>::Pooled),
    /// A pooled `D1Connection`.
    D1(<D1 as Slot>::Pooled),
    /// A pooled `PgConnection`.
    Postgres(<Postgres as Slot>::Pooled),
}

impl AnyConnection {
    /// The dialect it speaks.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) | Self::Libsql(_) | Self::D1(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }
}

/// Shows which kind it is.
impl fmt::Debug for AnyConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite(_) => "Sqlite(..)",
            Self::Libsql(_) => "Libsql(..)",
            Self::D1(_) => "D1(..)",
            Self::Postgres(_) => "Postgres(..)",
        })
    }
}

impl AnyDatabase for AnyConnection {
    type Sqlite = <Sqlite as Slot>::Conn;
    type Libsql = <Libsql as Slot>::Conn;
    type D1 = <D1 as Slot>::Conn;
    type Postgres = <Postgres as Slot>::Conn;

    fn typed(&mut self) -> Typed<'_, Self> {
        match self {
            Self::Sqlite(pooled) => Typed::Sqlite(Sqlite::conn(pooled)),
            Self::Libsql(pooled) => Typed::Libsql(Libsql::conn(pooled)),
            Self::D1(pooled) => Typed::D1(D1::conn(pooled)),
            Self::Postgres(pooled) => Typed::Postgres(Postgres::conn(pooled)),
        }
    }
}
