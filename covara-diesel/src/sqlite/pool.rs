//! Pools of SQLite connections.

use std::fmt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use diesel::ConnectionError;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::r2d2::ConnectionManager;
use diesel::result::Error;
use diesel::sql_types::{BigInt, Text};
use r2d2::{CustomizeConnection, Pool};

use super::checkin::{self, Events};
use super::url::{database_url, file_path, is_private, may_create, without_creating};
use super::{handle, kept, private_file};
use crate::backend::connection::message;
use crate::backend::error::ErrorKind;
use crate::pool::{
    PoolConfig, PoolDriver, PoolError, PreparePool, PreparedPool, on_connect,
    recommended_pool_config,
};

/// Opens or creates a SQLite database with the recommended settings.
///
/// On Unix a new file, and with it its `-wal` and `-shm`, is readable and writable only by its
/// owner; an existing file keeps its mode.
///
/// `path` is a path, a `file:` or `sqlite:` URL, or `:memory:`. For a database in memory or in a
/// temporary file (`:memory:`, `file:`, `mode=memory`, `vfs=memdb`, with a shared cache or not) the
/// pool has one connection, which lives as long as the pool: otherwise each connection would have
/// its own database, or the database would end with the last connection. Transactions that are open
/// on it when it is returned, also during a panic, are rolled back. A file is put into WAL
/// mode once, before the pool opens. Each connection sets, in this order, `busy_timeout` (5 s),
/// `foreign_keys = ON` and `synchronous = NORMAL`.
///
/// Do not delete, rename or replace the file while a pool has it open: SQLite goes on with the old
/// file, and what is then written is lost with it
/// (<https://sqlite.org/howtocorrupt.html>, 1.4 and 4.2). To restore a backup, drop the pool first,
/// or copy the rows with SQLite's backup API.
///
/// If a connection is returned while a transaction begun by SQL, with `batch_execute("BEGIN")`, is
/// still open, the pool rolls it back and logs a warning with the crate `log`. To do so, the pool
/// installs its own instrumentation on each connection, which forwards all events to Diesel's
/// default instrumentation. It also has SQLite add a function to every connection that the process
/// opens (with `sqlite3_auto_extension`), which lends the connection's handle to this library. A
/// connection on which the application has set its own instrumentation is returned unchanged. The
/// pool identifies connections by the object that was lent: after a `std::mem::swap` of two of
/// them, it ends the transaction of the other one.
///
/// # Errors
///
/// A missing directory, a file that is not a database, that is read-only or locked, a full disk, an
/// unknown scheme: each has its own [`PoolError`].
///
/// # Example
///
/// ```
/// use covara_diesel::pool;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = pool::sqlite(":memory:")?;
/// assert_eq!(pool.max_size(), 1);
/// # Ok(())
/// # }
/// ```
pub fn sqlite(
    path: impl AsRef<Path>,
) -> Result<Pool<ConnectionManager<SqliteConnection>>, PoolError> {
    sqlite_with(path, &recommended_pool_config(PoolDriver::Sqlite))
}

/// Opens or creates a SQLite database like [`sqlite`], with the given settings.
///
/// # Errors
///
/// Those of [`sqlite`], and invalid settings.
pub fn sqlite_with(
    path: impl AsRef<Path>,
    config: &PoolConfig,
) -> Result<Pool<ConnectionManager<SqliteConnection>>, PoolError> {
    prepare(path.as_ref(), config)?.typed()
}

impl PreparePool for SqliteConnection {
    fn prepare(
        url: &str,
        _: PoolDriver,
        config: &PoolConfig,
    ) -> Result<PreparedPool<Self>, PoolError> {
        prepare(url.as_ref(), config)
    }
}

fn prepare(path: &Path, config: &PoolConfig) -> Result<PreparedPool<SqliteConnection>, PoolError> {
    config.check_without_http()?;
    handle::prepare();
    let url = url_of(path)?;
    let mut config = config.clone();
    let is_in_connection = is_private(&url);
    if is_in_connection {
        // A pool would retry a URL that SQLite refuses until its time-out.
        let path = file_path(&url);
        let mut conn = establish(&url, &path)?;
        set_up(&mut conn, &config).map_err(|error| explain(error, path))?;
        // The database ends with its connection, so the connection must live as long as the pool.
        config.max_size = 1;
        config.min_idle = 1;
        config.idle_timeout = None;
        config.max_lifetime = None;
    } else {
        prepare_file(&url, &config)?;
    }
    let customizer = Customizer(config.clone());
    Ok(PreparedPool {
        url,
        config,
        customizer: Box::new(customizer),
        events: Box::new(Events::default()),
        threads: None,
        keep: is_in_connection.then_some(kept::keep),
    })
}

fn url_of(path: &Path) -> Result<String, PoolError> {
    let given = path.to_str().ok_or_else(|| PoolError::Open {
        path: path.to_owned(),
        source: ConnectionError::InvalidConnectionUrl("the path is not UTF-8".to_owned()),
    })?;
    database_url(given)
}

fn check_directory(path: &Path) -> Result<(), PoolError> {
    let directory = path.parent().filter(|parent| *parent != Path::new(""));
    match directory.filter(|directory| !directory.is_dir()) {
        Some(directory) => Err(PoolError::MissingDirectory {
            directory: directory.to_owned(),
        }),
        None => Ok(()),
    }
}

fn establish(url: &str, path: &Path) -> Result<SqliteConnection, PoolError> {
    SqliteConnection::establish(url).map_err(|source| PoolError::Open {
        path: path.to_owned(),
        source,
    })
}

/// Sets WAL mode, which is a property of the file, once and by a single connection. If several
/// connections set it at once on a new file, they make each other fail, whatever their busy
/// timeout.
fn prepare_file(url: &str, config: &PoolConfig) -> Result<(), PoolError> {
    let path = file_path(url);
    check_directory(&path)?;
    if may_create(url) {
        private_file::make(&path);
    }
    let mut conn = establish(url, &path)?;
    set_up_session(&mut conn, config.busy_timeout)
        .and_then(|()| use_wal(&mut conn, config.busy_timeout))
        .and_then(|()| on_connect(&mut conn, config))
        .map_err(|error| explain(error, path))
}

/// Returns an error if opening would create a file.
pub(crate) fn check_exists(given: &Path) -> Result<(), PoolError> {
    let url = url_of(given)?;
    let path = file_path(&url);
    if is_private(&url) || path.exists() {
        return Ok(());
    }
    check_directory(&path)?;
    Err(PoolError::MissingFile { path })
}

/// Opens an existing database for reading, set up like the pool's connections. Neither creates nor
/// changes the file or its journal mode.
///
/// A file in WAL mode can be read only beside its `-wal` and `-shm`, which SQLite creates. Where it
/// cannot, and there is neither a `-wal` nor a journal with something in it, the file alone is the
/// database and is read as one that does not change.
pub(crate) fn open_to_read(given: &Path) -> Result<(SqliteConnection, PathBuf), PoolError> {
    let (url, path) = existing(given)?;
    let opened = open_with(&url, &path, "PRAGMA query_only = ON");
    let conn = match opened {
        Err(PoolError::ReadOnly { .. } | PoolError::Setup { .. })
            if url.starts_with("file:") && !has_changes_beside(&path) =>
        {
            let unchanging = format!("{url}&immutable=1");
            open_with(&unchanging, &path, "PRAGMA query_only = ON").or(opened)
        }
        opened => opened,
    };
    Ok((conn?, path))
}

/// Returns the URL of an existing database with which SQLite does not create it, and its path.
pub(super) fn existing(given: &Path) -> Result<(String, PathBuf), PoolError> {
    check_exists(given)?;
    let url = url_of(given)?;
    let path = file_path(&url);
    if is_private(&url) {
        return Ok((url, path));
    }
    Ok((without_creating(&url), path))
}

pub(super) fn open_with(url: &str, path: &Path, sql: &str) -> Result<SqliteConnection, PoolError> {
    let mut conn = establish(url, path)?;
    let config = recommended_pool_config(PoolDriver::Sqlite);
    set_up_session(&mut conn, config.busy_timeout)
        .and_then(|()| conn.batch_execute(sql))
        // This is the first read of the file.
        .and_then(|()| conn.batch_execute("PRAGMA schema_version"))
        .map_err(|error| explain(error, path.to_owned()))?;
    Ok(conn)
}

/// Returns whether a `-wal` holds changes that are not in the file, or a journal those that a
/// program which crashed has left in it.
fn has_changes_beside(path: &Path) -> bool {
    ["-wal", "-journal"].iter().any(|suffix| {
        let mut beside = path.as_os_str().to_owned();
        beside.push(suffix);
        // One that cannot be examined may hold some.
        match std::fs::metadata(beside) {
            Ok(beside) => beside.len() > 0,
            Err(error) => error.kind() != std::io::ErrorKind::NotFound,
        }
    })
}

#[derive(QueryableByName)]
struct UserVersion {
    #[diesel(sql_type = BigInt)]
    user_version: i64,
}

/// Tests writing by setting a value to itself and rolling back. Taking the lock alone would succeed
/// on a read-only file.
pub(crate) fn try_to_write(conn: &mut SqliteConnection) -> QueryResult<()> {
    conn.batch_execute("PRAGMA query_only = OFF; BEGIN IMMEDIATE")?;
    let written = diesel::sql_query("PRAGMA user_version")
        .get_result::<UserVersion>(conn)
        .and_then(|row| conn.batch_execute(&format!("PRAGMA user_version = {}", row.user_version)));
    conn.batch_execute("ROLLBACK").and(written)
}

pub(super) fn explain(source: Error, path: PathBuf) -> PoolError {
    if message(&source).contains("file is not a database") {
        return PoolError::NotADatabase { path };
    }
    match ErrorKind::of(&source) {
        ErrorKind::Locked => PoolError::Locked { path },
        ErrorKind::ReadOnly => PoolError::ReadOnly { path },
        ErrorKind::DiskFull => PoolError::DiskFull { path },
        _ => PoolError::Setup { source },
    }
}

#[derive(QueryableByName)]
struct JournalMode {
    #[diesel(sql_type = Text)]
    journal_mode: String,
}

pub(super) fn journal_mode(conn: &mut SqliteConnection) -> QueryResult<String> {
    let row = diesel::sql_query("PRAGMA journal_mode").get_result::<JournalMode>(conn)?;
    Ok(row.journal_mode)
}

fn use_wal(conn: &mut SqliteConnection, patience: Duration) -> QueryResult<()> {
    let begun = Instant::now();
    loop {
        // Reading the mode first saves the exclusive lock when the file is in WAL mode already.
        let mode = journal_mode(conn).and_then(|mode| match mode.as_str() {
            "wal" => Ok(()),
            _ => conn.batch_execute("PRAGMA journal_mode = WAL"),
        });
        match mode {
            // The busy timeout does not cover this change: another process is making it.
            Err(error)
                if ErrorKind::of(&error) == ErrorKind::Locked && begun.elapsed() < patience =>
            {
                thread::sleep(Duration::from_millis(10));
            }
            other => return other,
        }
    }
}

/// Applies the settings of a pool's connections.
fn set_up(conn: &mut SqliteConnection, config: &PoolConfig) -> QueryResult<()> {
    set_up_session(conn, config.busy_timeout)?;
    on_connect(conn, config)
}

/// Applies the settings in this order, because later statements may already have to wait.
fn set_up_session(conn: &mut SqliteConnection, busy_timeout: Duration) -> QueryResult<()> {
    // SQLite takes a C int.
    let milliseconds = i32::try_from(busy_timeout.as_millis()).unwrap_or(i32::MAX);
    conn.batch_execute(&format!("PRAGMA busy_timeout = {milliseconds}"))?;
    conn.batch_execute("PRAGMA foreign_keys = ON")?;
    conn.batch_execute("PRAGMA synchronous = NORMAL")
}

struct Customizer(PoolConfig);

/// Hides the SQL, which may contain secrets.
impl fmt::Debug for Customizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Customizer").finish_non_exhaustive()
    }
}

impl CustomizeConnection<SqliteConnection, diesel::r2d2::Error> for Customizer {
    fn on_acquire(&self, conn: &mut SqliteConnection) -> Result<(), diesel::r2d2::Error> {
        checkin::watch(conn);
        set_up(conn, &self.0).map_err(diesel::r2d2::Error::QueryError)
    }
}
