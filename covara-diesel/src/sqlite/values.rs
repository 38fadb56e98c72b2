use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use diesel::query_builder::AstPass;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::sqlite::{Sqlite, SqliteType, SqliteValue};

use crate::values::{JsonText, Values};

impl ToSql<Text, Sqlite> for JsonText<&str> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0);
        Ok(IsNull::No)
    }
}

/// Times are whole seconds since 1970, JSON is text.
impl Values for Sqlite {
    type Time = i64;

    const EARLIEST: i64 = i64::MIN;
    const ROW: &'static str = "rowid";
    const ROW_WITHOUT_ID: &'static str = "rowid";
    const BATCH: (&'static str, &'static str) = ("IN (", ")");
    /// One writer at a time is all that SQLite has.
    const FOR_UPDATE: &'static str = "";
    const LOCK: Option<(&'static str, &'static str)> = None;
    const PLUS_TICKS: (&'static str, &'static str) = (" + ", "");

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

    fn text_literal(text: &str) -> String {
        if text.contains('\0') {
            // Would end the statement.
            let hex = data_encoding::HEXLOWER.encode(text.as_bytes());
            return format!("CAST(x'{hex}' AS TEXT)");
        }
        format!("'{}'", text.replace('\'', "''"))
    }

    fn time_literal(time: i64) -> String {
        time.to_string()
    }

    fn push_text<'b>(out: &mut AstPass<'_, 'b, Self>, text: &'b Option<&str>) -> QueryResult<()> {
        out.push_bind_param::<Nullable<Text>, _>(text)
    }

    fn push_time<'b>(out: &mut AstPass<'_, 'b, Self>, time: &'b Option<i64>) -> QueryResult<()> {
        out.push_bind_param::<Nullable<BigInt>, _>(time)
    }

    fn push_json<'b>(
        out: &mut AstPass<'_, 'b, Self>,
        json: &'b Option<JsonText<&str>>,
    ) -> QueryResult<()> {
        out.push_bind_param::<Nullable<Text>, _>(json)
    }

    fn push_number<'b>(out: &mut AstPass<'_, 'b, Self>, number: &'b i64) -> QueryResult<()> {
        out.push_bind_param::<BigInt, _>(number)
    }

    fn read_text<R>(mut value: SqliteValue<'_, '_, '_>, read: impl FnOnce(&str) -> R) -> Option<R> {
        // Any column may hold a value of any type; reading it as another would convert it.
        (value.value_type() == Some(SqliteType::Text)).then(|| read(value.read_text()))
    }

    fn read_time(mut value: SqliteValue<'_, '_, '_>) -> Option<DateTime<Utc>> {
        if value.value_type() != Some(SqliteType::Long) {
            return None;
        }
        Self::utc(value.read_long())
    }

    fn read_json<R>(value: SqliteValue<'_, '_, '_>, read: impl FnOnce(&str) -> R) -> Option<R> {
        Self::read_text(value, read)
    }
}
