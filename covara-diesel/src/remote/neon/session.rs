//! The settings on which reading and writing values depends.
//!
//! Over HTTP, Neon's proxy takes no settings from a connection string, and runs each request in any
//! of its sessions. So what a role or a database sets is undone in the transaction of a request: in
//! each batch, and, where something is set that matters, before each statement.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use diesel::result::QueryResult;

use super::api::{Statement, StatementResult};
use crate::remote::error::not_of_protocol;

/// Sets, for the transaction, what has to be set, and returns whether it was set already.
///
/// The time zone is UTC, as on a `PgConnection`. UTC has these names, of which `GMT` is the default
/// of PostgreSQL and of Neon.
const GUARD: &str = "\
WITH found AS MATERIALIZED (
    SELECT CAST(
        pg_catalog.lower(pg_catalog.current_setting('TimeZone'))
            IN ('utc', 'gmt', 'etc/utc', 'etc/gmt')
        AND pg_catalog.current_setting('DateStyle') LIKE 'ISO,%'
        AND pg_catalog.current_setting('IntervalStyle') = 'postgres'
        AND pg_catalog.current_setting('bytea_output') = 'hex'
        AND CAST(pg_catalog.current_setting('extra_float_digits') AS integer) > 0
        AND pg_catalog.current_setting('array_nulls') = 'on'
        AND pg_catalog.current_setting('standard_conforming_strings') = 'on'
        AND (pg_catalog.current_setting('lc_monetary') IN ('C', 'POSIX')
            OR pg_catalog.current_setting('lc_monetary') LIKE 'C.%'
            OR pg_catalog.current_setting('lc_monetary') LIKE 'en_US%')
    AS text) AS fits)
SELECT fits,
    pg_catalog.set_config('TimeZone', 'UTC', true),
    pg_catalog.set_config('DateStyle', 'ISO', true),
    pg_catalog.set_config('IntervalStyle', 'postgres', true),
    pg_catalog.set_config('bytea_output', 'hex', true),
    pg_catalog.set_config('extra_float_digits', '1', true),
    pg_catalog.set_config('array_nulls', 'on', true),
    pg_catalog.set_config('standard_conforming_strings', 'on', true),
    pg_catalog.set_config('lc_monetary', 'C', true)
FROM found";

/// How long settings are taken to be those that were found.
const REMEMBERED: Duration = Duration::from_secs(60);

/// What is known of the settings of the database's sessions.
#[derive(Debug, Default)]
pub(super) struct Session {
    /// When they were found to fit.
    fits_since: Option<Instant>,
}

impl Session {
    /// Returns the statement that has to precede others in their transaction, unless the settings
    /// are known to fit.
    pub(super) fn guard(&self) -> Option<Cow<'static, Statement>> {
        let is_known = self
            .fits_since
            .is_some_and(|since| since.elapsed() < REMEMBERED);
        (!is_known).then(Self::guarding)
    }

    /// Returns that statement in any case.
    pub(super) fn guarding() -> Cow<'static, Statement> {
        Cow::Owned(Statement::of_sql(GUARD))
    }

    /// Takes note of the guard's result.
    pub(super) fn learn(&mut self, result: &StatementResult<'_>) -> QueryResult<()> {
        let rows: Vec<Vec<Option<Cow<'_, str>>>> =
            serde_json::from_str(result.rows.get()).map_err(|error| not_of_protocol(&error))?;
        let cell = rows.first().and_then(|row| row.first()?.as_deref());
        self.fits_since = (cell == Some("true")).then(Instant::now);
        Ok(())
    }
}
