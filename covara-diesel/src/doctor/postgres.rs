//! Examines a PostgreSQL database.

use std::fs;

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};

use super::{Finding, Pooler, Report, Setting, changes};
use crate::backend::connection::BackendConnection;
use crate::backend::dialect::Dialect;
use crate::backend::stranger::{Stranger, what};
use crate::migrate;
use crate::pool::{PoolConfig, PoolDriver, PoolError, recommended_pool_config};
use crate::postgres::pool::{connect, takes_any_host};
use crate::postgres::{owners, pooler};

/// Examines a PostgreSQL database; `url` is one that `pool::postgres` accepts.
///
/// Only reads, and sets nothing in a session. To detect a transaction pooler, two connections are
/// open at the same time.
///
/// # Errors
///
/// A server that cannot be reached, a wrong password, an unknown database: each has its own
/// [`PoolError`]. No password appears in any of them.
///
/// # Example
///
/// ```no_run
/// use covara_diesel::doctor::{self, Pooler};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let report = doctor::postgres("postgres://app:secret@localhost/app")?;
/// if let Pooler::TransactionPooler { evidence } = &report.pooler {
///     println!("no prepared statements: {evidence}");
/// }
/// for finding in &report.findings {
///     println!("{}: {}", finding.severity, finding.text);
/// }
/// # Ok(())
/// # }
/// ```
pub fn postgres(url: impl AsRef<str>) -> Result<Report, PoolError> {
    let url = url.as_ref();
    let mut conn = connect(url)?;
    let facts = facts(&mut conn)?;
    let named = PoolDriver::from_url(url).unwrap_or(PoolDriver::Postgres);
    let (pooler, remark) = pooler::look(&mut conn, url, named, &facts.version);
    // Hyperdrive's settings suit every transaction pooler.
    let driver = match (&pooler, named) {
        (Pooler::Pglite, _) => PoolDriver::Pglite,
        (Pooler::TransactionPooler { .. }, PoolDriver::Postgres) => PoolDriver::Hyperdrive,
        (_, named) => named,
    };
    let mut report = report_of(&mut conn, &facts, pooler, driver)?;
    report.client_version = libpq_version();
    report.findings.extend(remark);
    look_at_what_is_between(&mut report);
    if takes_any_host(url) {
        report.findings.push(Finding::warning(
            "the URL names several hosts and takes whichever answers first, be it a standby: add \
             target_session_attrs=read-write",
        ));
    }
    Ok(report.conclude())
}

/// Examines what each connection to PostgreSQL can see.
pub(super) fn report_of<C: BackendConnection<Backend = Pg>>(
    conn: &mut C,
    facts: &Facts,
    pooler: Pooler,
    driver: PoolDriver,
) -> Result<Report, PoolError> {
    let setup = |source| PoolError::Setup { source };
    let settings = settings(conn).map_err(setup)?;
    let migrations = migrate::status(conn);
    let others = owners::others(conn).map_err(setup)?;
    let mut report = Report {
        dialect: Dialect::Postgres,
        database: facts.database.clone(),
        engine_version: facts.version.clone(),
        client_version: None,
        library_version: env!("CARGO_PKG_VERSION"),
        pooler,
        driver,
        pool: recommended_pool_config(driver),
        migrations,
        settings,
        findings: Vec::new(),
    };
    look_at_access(facts, &mut report);
    report.findings.extend(others.into_iter().map(of_other));
    report.findings.extend(changes::look(conn));
    look_at_room(facts, &mut report);
    look_at_settings(&mut report);
    Ok(report)
}

#[derive(QueryableByName)]
pub(super) struct Facts {
    #[diesel(sql_type = Text)]
    version: String,
    #[diesel(sql_type = Text)]
    database: String,
    #[diesel(sql_type = Text)]
    role: String,
    #[diesel(sql_type = Nullable<Text>)]
    schema: Option<String>,
    #[diesel(sql_type = Nullable<Bool>)]
    may_create: Option<bool>,
    #[diesel(sql_type = Bool)]
    standby: bool,
    #[diesel(sql_type = Nullable<BigInt>)]
    role_limit: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    database_limit: Option<i64>,
    #[diesel(sql_type = BigInt)]
    room: i64,
}

/// A limit of -1 means no limit. PostgreSQL 16 reserves further connections for some roles.
const FACTS: &str = "
SELECT version() AS version, current_database()::text AS database, current_user::text AS role,
       current_schema()::text AS schema,
       has_schema_privilege(current_schema()::text, 'CREATE') AS may_create,
       pg_is_in_recovery() AS standby,
       (SELECT NULLIF(rolconnlimit, -1)::bigint FROM pg_catalog.pg_roles
        WHERE rolname = current_user) AS role_limit,
       (SELECT NULLIF(datconnlimit, -1)::bigint FROM pg_catalog.pg_database
        WHERE datname = current_database()) AS database_limit,
       current_setting('max_connections')::bigint
           - current_setting('superuser_reserved_connections')::bigint
           - COALESCE(current_setting('reserved_connections', true), '0')::bigint
           - (SELECT COALESCE(sum(numbackends), 0)::bigint FROM pg_catalog.pg_stat_database)
           + 1 AS room";

pub(super) fn facts<C: BackendConnection<Backend = Pg>>(conn: &mut C) -> Result<Facts, PoolError> {
    let facts = diesel::sql_query(FACTS).get_result(conn);
    facts.map_err(|source| PoolError::Setup { source })
}

#[derive(QueryableByName)]
struct SettingRow {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    value: String,
}

/// Settings without the changes of this session, or of another client's behind a pooler: Diesel
/// sets its own time zone and client encoding.
const SETTINGS: &str = "
SELECT name::text, CASE
           WHEN unit = 'ms' AND reset_val = '0' THEN 'none'
           WHEN unit = 'ms' THEN reset_val || ' ms'
           ELSE reset_val
       END AS value
FROM pg_catalog.pg_settings
WHERE name IN ('max_connections', 'TimeZone', 'server_encoding', 'search_path',
               'default_transaction_read_only', 'default_transaction_isolation',
               'statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout',
               'lc_messages', 'fsync', 'full_page_writes')
ORDER BY lower(name)";

fn settings<C: BackendConnection<Backend = Pg>>(conn: &mut C) -> QueryResult<Vec<Setting>> {
    let rows = diesel::sql_query(SETTINGS).load::<SettingRow>(conn)?;
    Ok(rows
        .into_iter()
        .map(|SettingRow { name, value }| Setting { name, value })
        .collect())
}

/// Returns the version of libpq. libpq reports it by a C function only, but since version 10 its
/// file name contains it: `libpq.so.5.15` belongs to PostgreSQL 15. `None` if there is no such
/// file.
fn libpq_version() -> Option<String> {
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    let (_, version) = maps
        .lines()
        .find_map(|line| line.split_once("/libpq.so.5."))?;
    let version = version.split_ascii_whitespace().next()?;
    Some(format!("libpq {version}"))
}

fn look_at_access(facts: &Facts, report: &mut Report) {
    let role = &facts.role;
    let pending = report
        .migrations
        .as_ref()
        .is_ok_and(|status| status.pending().next().is_some());
    match (&facts.schema, facts.may_create) {
        (None, _) => report.findings.push(Finding::problem(
            "no schema of the search_path exists, so there is nowhere to create tables: create \
             one, or set search_path",
        )),
        (Some(schema), Some(false)) if pending => {
            report.findings.push(Finding::problem(format!(
                "the role {role} may not create tables in the schema {schema}: GRANT CREATE ON \
                 SCHEMA, or migrate as its owner"
            )));
        }
        _ => {}
    }
    if facts.standby {
        report.findings.push(Finding::problem(
            "the server is a standby and accepts no writes: connect to the primary",
        ));
    }
}

fn of_other(Stranger { table, owner }: Stranger) -> Finding {
    Finding::hint(format!(
        "{} belongs to the role {owner}, which could create it although not every role may: what \
         {owner} adds to it, such as triggers and policies, has the rights of whoever uses it. If \
         you do not trust that role, change the owner",
        what(&table)
    ))
}

fn look_at_room(facts: &Facts, report: &mut Report) {
    let PoolConfig { max_size, .. } = report.pool;
    let limits = [
        (facts.role_limit, "the role's connection limit is"),
        (facts.database_limit, "the database's connection limit is"),
        (Some(facts.room), "connections that the server has left are"),
    ];
    for (limit, what) in limits {
        if let Some(limit) = limit.filter(|limit| *limit < i64::from(max_size)) {
            report.findings.push(Finding::warning(format!(
                "{what} {limit}, fewer than a pool of {max_size} may open: lower max_size, or \
                 raise the limit"
            )));
        }
    }
}

fn look_at_settings(report: &mut Report) {
    let is = |name, value| report.setting(name).is_some_and(|found| found == value);
    let mut findings = Vec::new();
    if is("default_transaction_read_only", "on") {
        findings.push(Finding::problem(
            "default_transaction_read_only is on: migrations and seeds will fail",
        ));
    }
    if !is("server_encoding", "UTF8") {
        findings.push(Finding::warning(
            "server_encoding is not UTF8: not every text can be stored",
        ));
    }
    if !is("default_transaction_isolation", "read committed") {
        findings.push(Finding::hint(
            "default_transaction_isolation is stricter than read committed: transactions can \
             fail to serialize and must then be run again",
        ));
    }
    let unsafe_writes = is("fsync", "off") || is("full_page_writes", "off");
    if unsafe_writes && report.pooler != Pooler::Pglite {
        findings.push(Finding::warning(
            "fsync or full_page_writes is off: a crash of the machine can destroy the database",
        ));
    }
    if report
        .setting("search_path")
        .is_some_and(puts_others_before_pg_catalog)
    {
        findings.push(Finding::warning(
            "search_path names other schemas before pg_catalog, so functions and operators that \
             somebody creates there take the place of PostgreSQL's own, in your statements and in \
             those of this library: remove pg_catalog from it, which puts it first",
        ));
    }
    if !report.setting("lc_messages").is_none_or(is_english) {
        findings.push(Finding::hint(
            "lc_messages is not English: some failures are reported less precisely",
        ));
    }
    report.findings.extend(findings);
}

/// Returns whether pg_catalog is named in this `search_path`, and not first. Where it is not named,
/// PostgreSQL searches it first.
fn puts_others_before_pg_catalog(search_path: &str) -> bool {
    let mut schemas = search_path.split(',');
    schemas.next();
    schemas.any(|schema| {
        schema
            .trim()
            .trim_matches('"')
            .eq_ignore_ascii_case("pg_catalog")
    })
}

/// Returns whether a server with this locale writes its messages in English.
fn is_english(locale: &str) -> bool {
    // Whatever follows, such as in `en_US.UTF-8`, `en@quot`, `en-US` and `English, Australia`.
    let end = locale.find(|letter: char| !letter.is_ascii_alphanumeric());
    let language = &locale[..end.unwrap_or(locale.len())];
    let english = ["C", "POSIX", "en", "English"];
    locale.is_empty()
        || english
            .iter()
            .any(|name| name.eq_ignore_ascii_case(language))
}

fn look_at_what_is_between(report: &mut Report) {
    let finding = match &report.pooler {
        Pooler::TransactionPooler { .. } => Finding::warning(format!(
            "a transaction pooler is in between: open the pool with PoolDriver::{:?}, which has \
             no prepared statements, set nothing but SET LOCAL, and use a direct URL for LISTEN \
             and session locks",
            report.driver
        )),
        Pooler::Proxy { .. } => Finding::hint(
            "a pooler or proxy is in between: if it lends sessions by transaction, open the pool \
             with PoolDriver::Hyperdrive",
        ),
        Pooler::Pglite => Finding::hint(
            "PGlite takes one client at a time: open the pool with PoolDriver::Pglite",
        ),
        Pooler::NothingSeen => return,
    };
    report.findings.push(finding);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn english_is_recognized_in_whatever_way_a_locale_is_written() {
        for locale in [
            "",
            "C",
            "C.UTF-8",
            "C.utf8",
            "POSIX",
            "en",
            "en_US",
            "en_US.UTF-8",
            "en_US.utf8",
            "en_GB@quot",
            "en@boldquot",
            "en-US",
            "en-US-u-va-posix",
            "EN-us",
            "English",
            "English_United States.1252",
            "english-uk",
            "English, Australia",
        ] {
            assert!(is_english(locale), "{locale:?}");
        }
        for locale in [
            "de_DE.UTF-8",
            "de-DE",
            "de@euro",
            "de",
            "enm",
            "es-US",
            "German_Germany.1252",
            "_en",
            "-C",
            "fr_EN",
        ] {
            assert!(!is_english(locale), "{locale:?}");
        }
    }
}
