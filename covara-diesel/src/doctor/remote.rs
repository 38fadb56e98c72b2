//! Examines a database over HTTP.

use diesel::connection::Connection;
use diesel::prelude::*;
use diesel::sql_types::Text;

use super::{Finding, Pooler, Report, Setting, changes};
use crate::backend::dialect::Dialect;
use crate::migrate;
use crate::pool::connection_string::Url;
use crate::pool::{PoolDriver, PoolError, recommended_pool_config};
use crate::remote::{Driver, RemoteConnection};

/// Examines a database on a libSQL server, which is only read; `url` is one that `pool::libsql`
/// accepts.
///
/// # Errors
///
/// A URL that cannot be used, and a server that does not answer or refuses the token.
///
/// # Example
///
/// ```no_run
/// use covara_diesel::doctor;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let report = doctor::libsql("libsql://app-me.turso.io?authToken=TOKEN")?;
/// assert!(report.is_healthy());
/// # Ok(())
/// # }
/// ```
#[cfg(feature = "libsql")]
pub fn libsql(url: impl AsRef<str>) -> Result<Report, PoolError> {
    examine::<crate::remote::Libsql>(url.as_ref())
}

/// Examines a Cloudflare D1 database, which is only read; `url` is one that `pool::d1` accepts.
///
/// D1 does not tell its version and its settings.
///
/// # Errors
///
/// A URL that cannot be used, and a server that does not answer or refuses the token.
///
/// # Example
///
/// ```no_run
/// use covara_diesel::doctor;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let report = doctor::d1("d1://ACCOUNT/DATABASE?token=TOKEN")?;
/// assert!(report.is_healthy());
/// # Ok(())
/// # }
/// ```
#[cfg(feature = "d1")]
pub fn d1(url: impl AsRef<str>) -> Result<Report, PoolError> {
    examine::<crate::remote::D1>(url.as_ref())
}

/// Examines the database of a URL of this driver.
pub(crate) fn examine<D: Driver>(url: &str) -> Result<Report, PoolError> {
    let driver = PoolDriver::from_url(url)?;
    let opened = RemoteConnection::<D>::establish(url);
    let mut conn = opened.map_err(|source| PoolError::Connect { source })?;
    // Nothing has been sent before.
    let answered = diesel::sql_query("SELECT 1").execute(&mut conn);
    answered.map_err(|source| PoolError::Setup { source })?;
    let name = driver.row().connection.database();
    let engine_version = match setting(&mut conn, "SELECT sqlite_version() AS value") {
        Some(version) => format!("{name}, SQLite {version}"),
        None => name.to_owned(),
    };
    let foreign_keys = "SELECT iif(foreign_keys, 'on', 'off') AS value FROM pragma_foreign_keys";
    let foreign_keys = setting(&mut conn, foreign_keys);
    let settings = foreign_keys.map(|value| Setting {
        name: "foreign_keys".to_owned(),
        value,
    });
    let mut findings = Vec::new();
    if settings.as_ref().is_some_and(|found| found.value == "off") {
        findings.push(Finding::warning(
            "the server does not check foreign keys: PRAGMA foreign_keys is off",
        ));
    }
    findings.extend(changes::look(&mut conn));
    let report = Report {
        dialect: Dialect::Sqlite,
        database: database(url),
        engine_version,
        client_version: None,
        library_version: env!("CARGO_PKG_VERSION"),
        pooler: Pooler::NothingSeen,
        driver,
        pool: recommended_pool_config(driver),
        migrations: migrate::status(&mut conn),
        settings: settings.into_iter().collect(),
        findings,
    };
    Ok(report.conclude())
}

#[derive(QueryableByName)]
struct Value {
    #[diesel(sql_type = Text)]
    value: String,
}

/// Returns what the server says, unless it keeps it for itself.
fn setting<D: Driver>(conn: &mut RemoteConnection<D>, query: &str) -> Option<String> {
    let found = diesel::sql_query(query).get_result::<Value>(conn);
    found.ok().map(|found| found.value)
}

/// Returns host and path of a URL, without what may be a secret.
fn database(url: &str) -> String {
    let Some(url) = Url::of_server(url) else {
        return String::new();
    };
    let (_, hosts) = url.user_and_hosts();
    format!("{}://{hosts}{}", url.scheme, url.path)
}
