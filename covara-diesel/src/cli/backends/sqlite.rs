use crate::cli::database::{BackendFunctions, Database, MigrationFiles, Opened};
use crate::doctor;
use crate::pool::{self, PoolDriver, PoolError, recommended_pool_config};
use crate::sqlite::pool::{check_exists, open_to_read};

pub(crate) const BACKEND: Option<BackendFunctions> = Some(BackendFunctions {
    open,
    open_existing: |url| {
        check_exists(url.as_ref())?;
        open(url)
    },
    open_to_read: |url| match open_to_read(url.as_ref()) {
        Ok((conn, _)) => Ok(Opened {
            conn: Box::new(conn),
            missing_file: None,
        }),
        // A missing file is shown as an empty database.
        Err(PoolError::MissingFile { path }) => {
            let (conn, _) = open_to_read(":memory:".as_ref())?;
            Ok(Opened {
                conn: Box::new(conn),
                missing_file: Some(path),
            })
        }
        Err(error) => Err(error),
    },
    examine: |url| doctor::sqlite(url),
});

pub(crate) const FILES: Option<MigrationFiles> = Some(crate::migrate::sqlite_files);

/// Opens a pool of one connection, as the command needs no more.
fn open(url: &str) -> Result<Box<dyn Database>, PoolError> {
    let mut config = recommended_pool_config(PoolDriver::Sqlite);
    config.max_size = 1;
    let conn = pool::sqlite_with(url, &config)?.get();
    Ok(Box::new(conn.map_err(|source| PoolError::Pool { source })?))
}
