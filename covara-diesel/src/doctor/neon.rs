//! Examines a Neon database over HTTP.

use diesel::connection::Connection;

use super::postgres::{facts, report_of};
use super::{Pooler, Report};
use crate::pool::{PoolDriver, PoolError};
use crate::remote::NeonHttpConnection;

/// Examines a Neon database over HTTP, which is only read; `url` is one that `pool::neon_http`
/// accepts.
///
/// It does not detect whether Neon pools connections behind its HTTP, which makes no difference.
///
/// # Errors
///
/// A URL that cannot be used, and a server that does not answer or refuses the password or token.
///
/// # Example
///
/// ```no_run
/// use covara_diesel::doctor;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let url = "postgres://ada:PASSWORD@ep-x-1.eu-central-1.aws.neon.tech/app";
/// let report = doctor::neon_http(url)?;
/// assert!(report.is_healthy());
/// # Ok(())
/// # }
/// ```
pub fn neon_http(url: impl AsRef<str>) -> Result<Report, PoolError> {
    let opened = NeonHttpConnection::establish(url.as_ref());
    let mut conn = opened.map_err(|source| PoolError::Connect { source })?;
    // The first request.
    let facts = facts(&mut conn)?;
    let report = report_of(&mut conn, &facts, Pooler::NothingSeen, PoolDriver::NeonHttp)?;
    Ok(report.conclude())
}
