//! Examines a SQLite database.

use std::path::Path;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};

use super::{Finding, Pooler, Report, Setting, changes};
use crate::backend::dialect::Dialect;
use crate::backend::error::ErrorKind;
use crate::migrate;
use crate::pool::{PoolDriver, PoolError, recommended_pool_config};
use crate::sqlite::pool::{open_to_read, try_to_write};
use crate::sqlite::private_file::is_readable_by_all;

/// Largest size to check. A check reads the whole file, which takes some seconds up to this size.
const MOST_BYTES_TO_CHECK: u64 = 1 << 30;

/// Examines a SQLite database; `path` is one that `pool::sqlite` accepts.
///
/// The file is neither created nor put into WAL mode. Whether it is writable is tested in a
/// transaction that is rolled back. Up to 1 GiB it is also checked for damage and for rows whose
/// parent is missing. The [module](crate::doctor) has an example.
///
/// # Errors
///
/// A file that does not exist, is not a database or is locked: each has its own [`PoolError`].
pub fn sqlite(path: impl AsRef<Path>) -> Result<Report, PoolError> {
    let given = path.as_ref();
    let (mut conn, path) = open_to_read(given)?;
    let settings = settings(&mut conn).map_err(|source| PoolError::Setup { source })?;
    let bytes = std::fs::metadata(&path).map_or(0, |file| file.len());
    let mut findings = Vec::new();
    if bytes > MOST_BYTES_TO_CHECK {
        findings.push(Finding::hint(
            "the file is larger than 1 GiB and was not checked for damage: run \
             PRAGMA quick_check when there is time",
        ));
    } else {
        check(&mut conn, &mut findings);
    }
    let migrations = migrate::status(&mut conn);
    if is_readable_by_all(&path) {
        findings.push(Finding::warning(
            "every user of this machine can access the file, which holds sessions: chmod 600 \
             it, and its -wal and -shm",
        ));
    }
    check_writable(&mut conn, &mut findings);
    findings.extend(changes::look(&mut conn));
    let database = if path.as_os_str().is_empty() {
        ":memory:".to_owned()
    } else {
        path.display().to_string()
    };
    let version = |row: &Setting| (row.name == "sqlite_version").then(|| row.value.clone());
    let engine_version = settings.iter().find_map(version).unwrap_or_default();
    let report = Report {
        dialect: Dialect::Sqlite,
        database,
        engine_version: format!("SQLite {engine_version}"),
        client_version: None,
        library_version: env!("CARGO_PKG_VERSION"),
        pooler: Pooler::NothingSeen,
        driver: PoolDriver::Sqlite,
        pool: recommended_pool_config(PoolDriver::Sqlite),
        migrations,
        settings,
        findings,
    };
    Ok(report.conclude())
}

#[derive(QueryableByName)]
struct SettingRow {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    value: String,
}

const SETTINGS: &str = "
SELECT 'sqlite_version' AS name, sqlite_version() AS value
UNION ALL SELECT 'journal_mode', journal_mode FROM pragma_journal_mode
UNION ALL SELECT 'synchronous', CASE synchronous
    WHEN 0 THEN 'off' WHEN 1 THEN 'normal' WHEN 2 THEN 'full' ELSE 'extra' END
    FROM pragma_synchronous
UNION ALL SELECT 'foreign_keys', iif(foreign_keys, 'on', 'off') FROM pragma_foreign_keys
UNION ALL SELECT 'busy_timeout', timeout || ' ms' FROM pragma_busy_timeout
UNION ALL SELECT 'page_size', page_size || ' bytes' FROM pragma_page_size
UNION ALL SELECT 'page_count', page_count || ' pages' FROM pragma_page_count
UNION ALL SELECT 'freelist_count', freelist_count || ' pages' FROM pragma_freelist_count
UNION ALL SELECT 'cache_size',
    iif(cache_size < 0, -cache_size || ' KiB', cache_size || ' pages') FROM pragma_cache_size
UNION ALL SELECT 'auto_vacuum', CASE auto_vacuum
    WHEN 0 THEN 'none' WHEN 1 THEN 'full' ELSE 'incremental' END FROM pragma_auto_vacuum
UNION ALL SELECT 'encoding', encoding FROM pragma_encoding
UNION ALL SELECT 'fts5', iif(EXISTS (
    SELECT 1 FROM pragma_compile_options WHERE compile_options = 'ENABLE_FTS5'), 'yes', 'no')";

fn settings(conn: &mut SqliteConnection) -> QueryResult<Vec<Setting>> {
    let rows = diesel::sql_query(SETTINGS).load::<SettingRow>(conn)?;
    Ok(rows
        .into_iter()
        .map(|SettingRow { name, value }| Setting { name, value })
        .collect())
}

#[derive(QueryableByName)]
struct QuickCheck {
    #[diesel(sql_type = Text)]
    quick_check: String,
}

#[derive(QueryableByName)]
struct Orphans {
    #[diesel(sql_type = BigInt)]
    rows: i64,
    #[diesel(sql_type = Nullable<Text>)]
    first: Option<String>,
}

/// Looks for damage, and for orphaned rows, left by a connection without foreign keys.
fn check(conn: &mut SqliteConnection, findings: &mut Vec<Finding>) {
    let damage = match diesel::sql_query("PRAGMA quick_check(1)").get_result::<QuickCheck>(conn) {
        Ok(QuickCheck { quick_check }) if quick_check == "ok" => None,
        Ok(QuickCheck { quick_check }) => Some(quick_check),
        Err(error) => Some(error.to_string()),
    };
    if let Some(damage) = damage {
        findings.push(Finding::problem(format!(
            "the file is damaged, restore it from a backup: {damage}"
        )));
        return;
    }
    let orphans = diesel::sql_query(
        "SELECT count(*) AS rows, min(\"table\") AS first FROM pragma_foreign_key_check",
    );
    match orphans.get_result::<Orphans>(conn) {
        Ok(Orphans { first: None, .. }) => {}
        Ok(Orphans {
            rows,
            first: Some(table),
        }) => findings.push(Finding::warning(format!(
            "{rows} rows, such as some of {table}, have a foreign key without a parent: \
             PRAGMA foreign_key_check names them"
        ))),
        Err(error) => findings.push(Finding::warning(format!(
            "foreign keys could not be checked: {error}"
        ))),
    }
}

fn check_writable(conn: &mut SqliteConnection, findings: &mut Vec<Finding>) {
    let Err(error) = try_to_write(conn) else {
        return;
    };
    findings.push(match ErrorKind::of(&error) {
        ErrorKind::Locked => Finding::warning(
            "another program has kept the database locked for 5 s: writers wait, and fail",
        ),
        ErrorKind::ReadOnly => Finding::problem(
            "the database is read-only: give write access to the file and its directory",
        ),
        _ => Finding::problem(format!("the database cannot be written: {error}")),
    });
}
