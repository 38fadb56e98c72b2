//! How each engine holds the values of the internal tables.

use std::fmt;

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::query_builder::AstPass;
use diesel::serialize::{self, Output, ToSql};

/// JSON in the words of its writer.
#[derive(Debug, Clone, Copy)]
pub struct JsonText<T>(pub T);

/// A value that a statement carries to the database and that nobody else may read.
///
/// Its `Debug` shows nothing: `debug_query` and Diesel's instrumentation print the binds of a
/// statement by it, and those of the auth stores are session ids, keys and tokens.
#[derive(Clone, Copy)]
pub struct Hidden<T>(pub T);

impl<T> fmt::Debug for Hidden<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl<T, ST, DB> ToSql<ST, DB> for Hidden<T>
where
    T: ToSql<ST, DB>,
    DB: Backend,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        self.0.to_sql(out)
    }
}

/// What differs between the engines in the statements of the auth stores: the types of times
/// and of JSON, and a few words of SQL.
pub trait Values: Backend + 'static {
    /// A time as the engine holds it.
    #[doc(hidden)]
    type Time: Copy;

    /// The earliest time there is.
    #[doc(hidden)]
    const EARLIEST: Self::Time;
    /// What tells rows of a table with an `id` apart fastest, within one statement.
    #[doc(hidden)]
    const ROW: &'static str;
    /// The same for a table without.
    #[doc(hidden)]
    const ROW_WITHOUT_ID: &'static str;
    /// What stands before and after a subquery that picks the rows to delete.
    #[doc(hidden)]
    const BATCH: (&'static str, &'static str);
    /// What ends a query whose row nobody else may change until the transaction ends.
    #[doc(hidden)]
    const FOR_UPDATE: &'static str;
    /// What stands before and after a number to keep others who ask for the same number
    /// waiting until the transaction ends, where the transaction itself does not.
    #[doc(hidden)]
    const LOCK: Option<(&'static str, &'static str)>;
    /// What stands before and after a number of [`ticks`](Self::ticks) to add it to a time.
    #[doc(hidden)]
    const PLUS_TICKS: (&'static str, &'static str);
    /// The function that returns the later of two times, and the one for the earlier.
    #[doc(hidden)]
    const LATER_EARLIER: (&'static str, &'static str);

    /// The time at the engine's precision, rounded down; `None` when it cannot be held.
    #[doc(hidden)]
    fn time(time: DateTime<Utc>) -> Option<Self::Time>;

    /// A span of time in units of the engine's precision, rounded down.
    #[doc(hidden)]
    fn ticks(span: std::time::Duration) -> i64;

    /// What is read back of a time that was stored; `None` beyond chrono's range.
    #[doc(hidden)]
    fn utc(time: Self::Time) -> Option<DateTime<Utc>>;

    /// Whether a text can be stored.
    #[doc(hidden)]
    fn holds(text: &str) -> bool;

    #[doc(hidden)]
    fn push_text<'b>(
        out: &mut AstPass<'_, 'b, Self>,
        text: &'b Option<Hidden<&str>>,
    ) -> QueryResult<()>;

    #[doc(hidden)]
    fn push_time<'b>(
        out: &mut AstPass<'_, 'b, Self>,
        time: &'b Option<Self::Time>,
    ) -> QueryResult<()>;

    /// JSON text, for the columns that are JSONB on PostgreSQL.
    #[doc(hidden)]
    fn push_json<'b>(
        out: &mut AstPass<'_, 'b, Self>,
        json: &'b Option<Hidden<JsonText<&str>>>,
    ) -> QueryResult<()>;

    #[doc(hidden)]
    fn push_number<'b>(out: &mut AstPass<'_, 'b, Self>, number: &'b i64) -> QueryResult<()>;

    #[doc(hidden)]
    fn read_text<R>(value: Self::RawValue<'_>, read: impl FnOnce(&str) -> R) -> Option<R>;

    #[doc(hidden)]
    fn read_time(value: Self::RawValue<'_>) -> Option<DateTime<Utc>>;

    #[doc(hidden)]
    fn read_json<R>(value: Self::RawValue<'_>, read: impl FnOnce(&str) -> R) -> Option<R>;
}
