//! The questions that the stores ask of a backend.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use diesel::query_builder::AstPass;

use super::hidden::Hidden;
use crate::backend::column::JsonText;
use crate::backend::engine::Engine;
use crate::backend::typed::area_database;

/// A backend whose internal tables the stores read and write: `Sqlite` and `Pg`. They differ in the
/// types of times and of JSON, and in a few pieces of SQL.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not known to be a backend that stores work on",
    note = "in a generic function, bound the connection by `covara_diesel::DatabaseConnection` or \
            `covara_diesel::AnyDatabase`"
)]
pub trait AuthEngine: Engine {
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
    fn ticks(span: Duration) -> i64;

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
    fn read_time(value: Self::RawValue<'_>) -> Option<DateTime<Utc>>;

    #[doc(hidden)]
    fn read_json<R>(value: Self::RawValue<'_>, read: impl FnOnce(&str) -> R) -> Option<R>;
}

area_database! {
    /// A connection that stores work on: every one of this library.
    AuthDatabase: AuthEngine
}
