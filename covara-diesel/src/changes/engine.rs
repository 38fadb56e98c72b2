//! The questions that a log of changes asks of a backend: `Sqlite` and `Pg`.

use diesel::QueryResult;

use super::error::ChangeError;
use super::table::CapturedTable;
use crate::backend::connection::{BackendConnection, Begun};
use crate::backend::sql::{Sql, SqlValues};
use crate::backend::typed::area_database;

/// The statements that bring the log up to date, and what they do.
#[derive(Debug, Default)]
pub struct InstallPlan {
    pub(crate) statements: Vec<Sql<'static>>,
    pub(crate) added: Vec<String>,
    pub(crate) mended: Vec<String>,
    pub(crate) removed: Vec<String>,
}

/// The place in the log from which changes are read.
#[derive(Debug, Clone, Copy)]
pub enum ReadFrom<'f> {
    /// The position of a feed, or the beginning for one that is not known.
    Feed(&'f str),
    /// The change after a number; 0 is the beginning.
    After(i64),
}

impl<'f> ReadFrom<'f> {
    /// Returns the name of the feed, if it is one's.
    pub(super) fn name(self) -> Option<&'f str> {
        match self {
            Self::Feed(feed) => Some(feed),
            Self::After(_) => None,
        }
    }

    /// Returns the beginning of the query: the floor, the position, the last number of the log as
    /// `last` reads it, unless only the log's own feeds are read, and the columns of the change `e`,
    /// from the state `s`. The next table expression is `e`.
    pub(crate) fn query(self, last: &'static str) -> Sql<'f> {
        let mut sql = Sql::new();
        sql.push("SELECT s.floor, ");
        match self {
            Self::Feed(_) => sql.push("f.number, CAST(NULL AS BIGINT)"),
            Self::After(number) => sql
                .push("nullif(CAST(")
                .bind(number)
                .push(" AS BIGINT), 0), ")
                .push(last),
        };
        sql.push(
            ", e.number, e.of_table, e.operation, e.key, e.old_row, e.new_row, e.at, e.actor \
             FROM __covara_changes_state AS s",
        );
        if let Self::Feed(feed) = self {
            sql.push(" LEFT JOIN __covara_changes_feeds AS f ON f.name = ");
            sql.bind(feed);
        }
        sql
    }

    /// Adds the number after which changes are read.
    pub(crate) fn push_position(self, sql: &mut Sql<'f>) {
        match self {
            Self::Feed(_) => sql.push("coalesce(f.number, s.floor)"),
            Self::After(number) => sql.bind(number),
        };
    }
}

/// A setting of the open transaction that triggers see.
#[derive(Debug, Clone, Copy)]
pub enum Context<'a> {
    /// The name of who makes the changes.
    Actor(&'a str),
    /// No change is logged.
    Muted,
}

/// The values to restore when a [`Context`] is left.
#[derive(Debug)]
pub enum Left {
    /// The earlier actor, and whether changes were not logged.
    State(Option<String>, i64),
    /// The earlier value of the setting with that name.
    Setting(&'static str, String),
}

/// A signal that somebody has written to the database.
pub trait ChangeSignal {
    /// Returns whether anything was written since the last call; `None` if that is not known any
    /// more.
    fn has_changed(&mut self) -> Option<bool>;
}

/// A backend with triggers that write a log.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not known to be a backend with a log of changes",
    note = "in a generic function, bound the connection by `covara_diesel::changes::ChangeDatabase`"
)]
pub trait ChangeEngine: SqlValues {
    /// Compares tables and triggers with the expected ones.
    #[doc(hidden)]
    fn plan<C>(
        conn: &mut C,
        tables: &[CapturedTable],
        is_notifying: bool,
    ) -> Result<InstallPlan, ChangeError>
    where
        C: BackendConnection<Backend = Self>;

    /// Begins a transaction in which each statement sees what others have committed.
    #[doc(hidden)]
    fn begin<C>(conn: &mut C) -> QueryResult<Begun>
    where
        C: BackendConnection<Backend = Self>;

    /// Excludes others from a feed until the transaction ends.
    #[doc(hidden)]
    fn lock_feed<C>(conn: &mut C, feed: &str) -> QueryResult<()>
    where
        C: BackendConnection<Backend = Self>;

    /// Returns the number up to which no running transaction can still add a change.
    #[doc(hidden)]
    fn horizon<C>(conn: &mut C) -> Result<i64, ChangeError>
    where
        C: BackendConnection<Backend = Self>;

    /// An expression for the highest number that was given out, beside the state `s`.
    #[doc(hidden)]
    const LAST: &'static str;

    /// Returns a query for the next changes up to a number, oldest first: floor, position if it is
    /// known, last number, then the columns of the change. If there is none, its only row has no change.
    #[doc(hidden)]
    fn read(from: ReadFrom<'_>, horizon: i64, limit: i64) -> Sql<'_>;

    /// Returns a signal, if there is one that costs less than looking at the log.
    #[doc(hidden)]
    fn signal<C>(_conn: &mut C) -> Option<Box<dyn ChangeSignal>>
    where
        C: BackendConnection<Backend = Self>,
    {
        None
    }

    /// A statement that removes what the change says that has the number after it, and leaves the
    /// row where later numbers follow from it.
    #[doc(hidden)]
    const FORGET: &'static str;

    /// A query that has a row if the log is installed.
    #[doc(hidden)]
    const IS_INSTALLED: &'static str;

    /// A query for the logged tables some of whose triggers are missing.
    #[doc(hidden)]
    const UNLOGGED: &'static str;

    /// A query for the transactions that readers wait for, with their ages in seconds.
    #[doc(hidden)]
    const DELAYING: &'static str;

    /// Sets what triggers see until the transaction ends.
    #[doc(hidden)]
    fn enter<C>(conn: &mut C, context: Context<'_>) -> QueryResult<Left>
    where
        C: BackendConnection<Backend = Self>;

    /// Restores it.
    #[doc(hidden)]
    fn leave<C>(conn: &mut C, left: &Left) -> QueryResult<()>
    where
        C: BackendConnection<Backend = Self>;

    /// Removes what a transaction left behind that was committed before it was left.
    #[doc(hidden)]
    fn clear_context<C>(conn: &mut C)
    where
        C: BackendConnection<Backend = Self>;
}

area_database! {
    /// A connection to a database that can have a log of changes. Every connection of this library
    /// is one.
    ChangeDatabase: ChangeEngine
}
