//! The internal tables' values on PostgreSQL.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use diesel::deserialize::FromSql;
use diesel::pg::data_types::PgTimestamp;
use diesel::pg::{Pg, PgValue};
use diesel::query_builder::AstPass;
use diesel::sql_types::{BigInt, Jsonb, Nullable, Text, Timestamp};

use super::values::JSONB_VERSION;
use crate::auth::engine::AuthEngine;
use crate::auth::hidden::Hidden;
use crate::backend::column::JsonText;

/// 2000-01-01, PostgreSQL's epoch, in microseconds since 1970.
const EPOCH: i64 = 946_684_800_000_000;

/// The earliest TIMESTAMP, 4714-11-24 BC, in microseconds since 2000:
/// <https://www.postgresql.org/docs/current/datatype-datetime.html>. The latest is beyond chrono's
/// range.
const EARLIEST: i64 = -211_813_488_000_000_000;

/// Times are microseconds. JSON for JSONB columns is sent to the server as text.
impl AuthEngine for Pg {
    type Time = PgTimestamp;

    const EARLIEST: PgTimestamp = PgTimestamp(EARLIEST);
    const ROW: &'static str = "id";
    const ROW_WITHOUT_ID: &'static str = "ctid";
    /// With an array the subquery runs once. With `IN` a plan may run it again, and rows skipped by
    /// the first run would count as new ones.
    const BATCH: (&'static str, &'static str) = ("= ANY (ARRAY(", " FOR UPDATE SKIP LOCKED))");
    const FOR_UPDATE: &'static str = " FOR UPDATE";
    const LOCK: Option<(&'static str, &'static str)> = Some(("SELECT pg_advisory_xact_lock(", ")"));
    const PLUS_TICKS: (&'static str, &'static str) = (" + ", " * INTERVAL '1 microsecond'");
    const LATER_EARLIER: (&'static str, &'static str) = ("GREATEST", "LEAST");

    fn time(time: DateTime<Utc>) -> Option<PgTimestamp> {
        let micros = time.timestamp_micros().checked_sub(EPOCH)?;
        (micros >= EARLIEST).then_some(PgTimestamp(micros))
    }

    fn ticks(span: Duration) -> i64 {
        i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
    }

    fn utc(PgTimestamp(micros): PgTimestamp) -> Option<DateTime<Utc>> {
        // `infinity` is i64::MAX, `-infinity` i64::MIN: both are beyond chrono's range.
        DateTime::from_timestamp_micros(micros.checked_add(EPOCH)?)
    }

    fn holds(text: &str) -> bool {
        !text.contains('\0')
    }

    fn push_text<'b>(
        out: &mut AstPass<'_, 'b, Self>,
        text: &'b Option<Hidden<&str>>,
    ) -> QueryResult<()> {
        out.push_bind_param::<Nullable<Text>, _>(text)
    }

    fn push_time<'b>(
        out: &mut AstPass<'_, 'b, Self>,
        time: &'b Option<PgTimestamp>,
    ) -> QueryResult<()> {
        out.push_bind_param::<Nullable<Timestamp>, _>(time)
    }

    fn push_json<'b>(
        out: &mut AstPass<'_, 'b, Self>,
        json: &'b Option<Hidden<JsonText<&str>>>,
    ) -> QueryResult<()> {
        out.push_bind_param::<Nullable<Jsonb>, _>(json)
    }

    fn push_number<'b>(out: &mut AstPass<'_, 'b, Self>, number: &'b i64) -> QueryResult<()> {
        out.push_bind_param::<BigInt, _>(number)
    }

    fn read_time(value: PgValue<'_>) -> Option<DateTime<Utc>> {
        Self::utc(FromSql::<Timestamp, Pg>::from_sql(value).ok()?)
    }

    fn read_json<R>(value: PgValue<'_>, read: impl FnOnce(&str) -> R) -> Option<R> {
        let (version, text) = value.as_bytes().split_first()?;
        if *version != JSONB_VERSION {
            return None;
        }
        std::str::from_utf8(text).ok().map(read)
    }
}
