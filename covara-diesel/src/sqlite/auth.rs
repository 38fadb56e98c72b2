//! The internal tables' values on SQLite.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use diesel::query_builder::AstPass;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::sqlite::{Sqlite, SqliteType, SqliteValue};

use crate::auth::engine::AuthEngine;
use crate::auth::hidden::Hidden;
use crate::backend::column::JsonText;
use crate::backend::engine::Engine;

impl ToSql<Text, Sqlite> for JsonText<&str> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0);
        Ok(IsNull::No)
    }
}

/// Stores times as whole seconds since 1970, and JSON as text.
impl AuthEngine for Sqlite {
    type Time = i64;

    const EARLIEST: i64 = i64::MIN;
    const ROW: &'static str = "rowid";
    const ROW_WITHOUT_ID: &'static str = "rowid";
    const BATCH: (&'static str, &'static str) = ("IN (", ")");
    /// SQLite allows only one writer at a time.
    const FOR_UPDATE: &'static str = "";
    const LOCK: Option<(&'static str, &'static str)> = None;
    const PLUS_TICKS: (&'static str, &'static str) = (" + ", "");
    const LATER_EARLIER: (&'static str, &'static str) = ("max", "min");

    fn time(time: DateTime<Utc>) -> Option<i64> {
        Some(time.timestamp())
    }

    fn ticks(span: Duration) -> i64 {
        i64::try_from(span.as_secs()).unwrap_or(i64::MAX)
    }

    fn utc(time: i64) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp(time, 0)
    }

    fn holds(_: &str) -> bool {
        true
    }

    fn push_text<'b>(
        out: &mut AstPass<'_, 'b, Self>,
        text: &'b Option<Hidden<&str>>,
    ) -> QueryResult<()> {
        out.push_bind_param::<Nullable<Text>, _>(text)
    }

    fn push_time<'b>(out: &mut AstPass<'_, 'b, Self>, time: &'b Option<i64>) -> QueryResult<()> {
        out.push_bind_param::<Nullable<BigInt>, _>(time)
    }

    fn push_json<'b>(
        out: &mut AstPass<'_, 'b, Self>,
        json: &'b Option<Hidden<JsonText<&str>>>,
    ) -> QueryResult<()> {
        out.push_bind_param::<Nullable<Text>, _>(json)
    }

    fn push_number<'b>(out: &mut AstPass<'_, 'b, Self>, number: &'b i64) -> QueryResult<()> {
        out.push_bind_param::<BigInt, _>(number)
    }

    fn read_time(mut value: SqliteValue<'_, '_, '_>) -> Option<DateTime<Utc>> {
        match value.value_type()? {
            SqliteType::Long => Self::utc(value.read_long()),
            // JavaScript writes a time with a fraction as a floating-point number.
            SqliteType::Double => Self::utc(whole_seconds(value.read_double())?),
            _ => None,
        }
    }

    fn read_json<R>(value: SqliteValue<'_, '_, '_>, read: impl FnOnce(&str) -> R) -> Option<R> {
        Self::read_text(value, read)
    }
}

/// Rounds down, as times are rounded when they are stored. Returns `None` for a number that is not
/// a time in chrono's range.
fn whole_seconds(seconds: f64) -> Option<i64> {
    let seconds = seconds.floor();
    // All whole numbers up to this size are exact in an f64, and chrono's range is far smaller.
    const LARGEST: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and in range")]
    (seconds.abs() <= LARGEST).then_some(seconds as i64)
}
