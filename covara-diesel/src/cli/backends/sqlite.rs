use std::error::Error;

use diesel::SqliteConnection;

use super::CommandConnection;
use crate::cli::database::{BackendFunctions, Database, MigrationFiles, Opened};
use crate::doctor;
use crate::pool::{self, PoolDriver, PoolError, recommended_pool_config};
use crate::sqlite::creatable::check_creatable;
use crate::sqlite::pool::{check_exists, open_to_read};
use crate::sqlite::rehearse::open_to_rehearse;

impl CommandConnection for SqliteConnection {
    const FUNCTIONS: BackendFunctions = BackendFunctions {
        open,
        open_existing: |url| {
            check_exists(url.as_ref())?;
            open(url)
        },
        open_to_try: |url| Ok(Box::new(open_to_rehearse(url.as_ref())?)),
        open_to_read: |url| match open_to_read(url.as_ref()) {
            Ok((conn, ..)) => Ok(Opened {
                conn: Box::new(conn),
                missing_file: None,
            }),
            // A missing file is shown as an empty database.
            Err(PoolError::MissingFile { path }) => {
                let (conn, ..) = open_to_read(":memory:".as_ref())?;
                Ok(Opened {
                    conn: Box::new(conn),
                    missing_file: Some(path),
                })
            }
            Err(error) => Err(error),
        },
        rehearse,
        examine: |url| doctor::sqlite(url),
        keeps_parts: false,
        cancel: None,
    };
}

pub(crate) const FILES: Option<MigrationFiles> = Some(crate::migrate::sqlite_files);

/// Opens a pool of one connection, as the command needs no more.
fn open(url: &str) -> Result<Box<dyn Database>, PoolError> {
    let mut config = recommended_pool_config(PoolDriver::Sqlite);
    config.max_size = 1;
    let conn = pool::sqlite_with(url, &config)?.get();
    Ok(Box::new(conn.map_err(|source| PoolError::Pool { source })?))
}

/// Also tries what opening a pool would do to the file.
fn rehearse(url: &str, conn: Box<dyn Database>, is_pending: bool) -> Result<(), Box<dyn Error>> {
    // It only reads.
    drop(conn);
    let mut conn = match open_to_rehearse(url.as_ref()) {
        Ok(conn) => conn,
        // Migrations of an empty database do not depend on where it is.
        Err(PoolError::MissingFile { path }) => return Ok(check_creatable(url, path)?),
        Err(error) => return Err(error.into()),
    };
    if is_pending {
        conn.rehearse()?;
    }
    Ok(())
}
