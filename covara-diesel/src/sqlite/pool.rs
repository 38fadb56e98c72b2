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
use diesel::sql_types::Text;
use diesel::sqlite::Sqlite;
use r2d2::{CustomizeConnection, Pool};

use super::checkin::{self, Events};
use super::url::{database_url, file_path, is_private, may_create, without_creating};
use super::{handle, private_file};
use crate::backend::connection::message;
use crate::backend::engine::{Engine, Fault};
use crate::pool::{PoolConfig, PoolDriver, PoolError, PreparedPool, recommended_pool_config};

/// Opens or creates a SQLite database with the recommended settings.
///
/// On Unix a new file, and with it its `-wal` and `-shm`, is readable and writable by its owner
/// only; one that is there keeps its mode.
///
/// `path` is a path, a `file:` or `sqlite:` URL, or `:memory:`. A database in memory or in a
/// temporary file (`:memory:`, `file:`, `mode=memory`, `vfs=memdb`, with a shared cache or not)
/// makes a pool of one connection that lives as long as the pool: each would have a database of
/// its own, or the last to be closed would take it along. A file is put into WAL mode once,
/// before the pool opens; each connection gets, in this order, `busy_timeout` (5 s),
/// `foreign_keys = ON` and `synchronous = NORMAL`.
///
/// A transaction that was begun by SQL, with `batch_execute("BEGIN")`, and is still open when its
/// connection comes back is rolled back, with a warning of the crate `log`. For that the pool takes
/// the place of a connection's instrumentation, from which Diesel's default instrumentation hears
/// all events, and has SQLite give every connection that the process opens a function (by
/// `sqlite3_auto_extension`) that lends its handle to this library. A connection with an
/// instrumentation of one's own goes back as it is. The pool knows its connections by what they were
/// lent as: `std::mem::swap` of two of them ends the transaction of the other one.
///
/// # Errors
///
/// A missing directory, a file that is no database, that is read-only or locked, a full
/// disk, another scheme: each is its own [`PoolError`].
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

/// [`sqlite`] with settings of your own.
///
/// # Errors
///
/// Those of [`sqlite`], and settings no pool can have.
pub fn sqlite_with(
    path: impl AsRef<Path>,
    config: &PoolConfig,
) -> Result<Pool<ConnectionManager<SqliteConnection>>, PoolError> {
    prepare(path.as_ref(), config)?.typed()
}

pub(crate) fn prepare(
    path: &Path,
    config: &PoolConfig,
) -> Result<PreparedPool<SqliteConnection>, PoolError> {
    config.check()?;
    handle::prepare();
    let url = url_of(path)?;
    let mut config = config.clone();
    if is_private(&url) {
        // A pool would try a URL that SQLite refuses until its time-out.
        let path = file_path(&url);
        let mut conn = establish(&url, &path)?;
        set_up(&mut conn, &config).map_err(|error| explain(error, path))?;
        // The database is gone with its connection, so the one must live as long as the pool.
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

/// WAL is a property of the file: set once, alone, by one connection. Several connections
/// that set it at once on a new file fail each other whatever their busy timeout.
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

/// An error where opening would make a file.
pub(crate) fn check_exists(given: &Path) -> Result<(), PoolError> {
    let url = url_of(given)?;
    let path = file_path(&url);
    if is_private(&url) || path.exists() {
        return Ok(());
    }
    check_directory(&path)?;
    Err(PoolError::MissingFile { path })
}

/// Opens a database that is there for reading, set up as the pool's connections are. Neither
/// the file nor its journal mode is made or changed.
pub(crate) fn open_to_read(given: &Path) -> Result<(SqliteConnection, PathBuf), PoolError> {
    check_exists(given)?;
    let url = url_of(given)?;
    let path = file_path(&url);
    let read_url = if is_private(&url) {
        url
    } else {
        without_creating(&url)
    };
    let mut conn = establish(&read_url, &path)?;
    let config = recommended_pool_config(PoolDriver::Sqlite);
    set_up_session(&mut conn, config.busy_timeout)
        .and_then(|()| conn.batch_execute("PRAGMA query_only = ON"))
        // The first read of the file.
        .and_then(|()| conn.batch_execute("PRAGMA schema_version"))
        .map_err(|error| explain(error, path.clone()))?;
    Ok((conn, path))
}

fn explain(source: Error, path: PathBuf) -> PoolError {
    if message(&source).contains("file is not a database") {
        return PoolError::NotADatabase { path };
    }
    match Sqlite::fault(message(&source)) {
        Fault::Locked => PoolError::Locked { path },
        Fault::ReadOnly => PoolError::ReadOnly { path },
        Fault::DiskFull => PoolError::DiskFull { path },
        Fault::SharedSession | Fault::Cancelled | Fault::Other => PoolError::Setup { source },
    }
}

#[derive(QueryableByName)]
struct JournalMode {
    #[diesel(sql_type = Text)]
    journal_mode: String,
}

fn use_wal(conn: &mut SqliteConnection, patience: Duration) -> QueryResult<()> {
    let begun = Instant::now();
    loop {
        // Looking first spares the exclusive lock when the file is in WAL mode already.
        let mode = diesel::sql_query("PRAGMA journal_mode")
            .get_result::<JournalMode>(conn)
            .and_then(|row| match row.journal_mode.as_str() {
                "wal" => Ok(()),
                _ => conn.batch_execute("PRAGMA journal_mode = WAL"),
            });
        match mode {
            // The busy timeout does not cover this change: another process is making it.
            Err(error)
                if Sqlite::fault(message(&error)) == Fault::Locked
                    && begun.elapsed() < patience =>
            {
                thread::sleep(Duration::from_millis(10));
            }
            other => return other,
        }
    }
}

/// What every connection of a pool needs.
fn set_up(conn: &mut SqliteConnection, config: &PoolConfig) -> QueryResult<()> {
    set_up_session(conn, config.busy_timeout)?;
    on_connect(conn, config)
}

/// In this order: what follows may already have to wait.
fn set_up_session(conn: &mut SqliteConnection, busy_timeout: Duration) -> QueryResult<()> {
    // SQLite takes a C int.
    let milliseconds = i32::try_from(busy_timeout.as_millis()).unwrap_or(i32::MAX);
    conn.batch_execute(&format!("PRAGMA busy_timeout = {milliseconds}"))?;
    conn.batch_execute("PRAGMA foreign_keys = ON")?;
    conn.batch_execute("PRAGMA synchronous = NORMAL")
}

fn on_connect(conn: &mut SqliteConnection, config: &PoolConfig) -> QueryResult<()> {
    match &config.on_connect {
        Some(sql) => conn.batch_execute(sql),
        None => Ok(()),
    }
}

struct Customizer(PoolConfig);

/// Without the SQL, in which there may be secrets.
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
