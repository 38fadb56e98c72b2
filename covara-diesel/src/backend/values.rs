//! Representations of the internal tables' values on each engine.

use std::fmt;

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::query_builder::AstPass;
use diesel::serialize::{self, Output, ToSql};

/// JSON text exactly as it was written.
#[derive(Debug, Clone, Copy)]
pub struct JsonText<T>(pub T);

/// A value that a statement sends to the database and that must not appear in logs.
///
/// Its `Debug` shows nothing: `debug_query` and Diesel's instrumentation print the binds of a
/// statement with it, and those of the auth stores are session ids, keys and tokens.
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

/// The differences between the engines in the statements of the auth stores: the types of times and
/// of JSON, and a few pieces of SQL.
pub trait Values: Backend + 'static {
    /// A time as the engine stores it.
    #[doc(hidden)]
    type Time: Copy;

    /// The earliest time that can be stored.
    #[doc(hidden)]
    const EARLIEST: Self::Time;
    /// The fastest expression that identifies a row of a table with an `id`, within one statement.
    #[doc(hidden)]
    const ROW: &'static str;
    /// The same for a table without an `id`.
    #[doc(hidden)]
    const ROW_WITHOUT_ID: &'static str;
    /// SQL before and after a subquery that picks the rows to delete.
    #[doc(hidden)]
    const BATCH: (&'static str, &'static str);
    /// SQL at the end of a query whose row nobody else may change until the transaction ends.
    #[doc(hidden)]
    const FOR_UPDATE: &'static str;
    /// SQL before and after a number that makes others who ask for the same number wait until the
    /// transaction ends, if the transaction itself does not.
    #[doc(hidden)]
    const LOCK: Option<(&'static str, &'static str)>;
    /// SQL before and after a number of [`ticks`](Self::ticks) to add it to a time.
    #[doc(hidden)]
    const PLUS_TICKS: (&'static str, &'static str);
    /// The functions that return the later and the earlier of two times.
    #[doc(hidden)]
    const LATER_EARLIER: (&'static str, &'static str);

    /// Converts a time to the engine's precision, rounding down; `None` if it cannot be stored.
    #[doc(hidden)]
    fn time(time: DateTime<Utc>) -> Option<Self::Time>;

    /// Converts a duration to units of the engine's precision, rounding down.
    #[doc(hidden)]
    fn ticks(span: std::time::Duration) -> i64;

    /// Converts a stored time back; `None` beyond chrono's range.
    #[doc(hidden)]
    fn utc(time: Self::Time) -> Option<DateTime<Utc>>;

    /// Returns whether a text can be stored.
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

    /// Pushes JSON text, for the columns that are JSONB on PostgreSQL.
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
