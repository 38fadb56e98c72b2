use crate::cli::{Backend, Database, Opened};
use crate::doctor;
use crate::pool::{self, PoolConfig, PoolDriver, PoolError, recommended_pool_config};
use crate::sqlite::pool::{existing, open_to_read};

pub(crate) const BACKEND: Backend = Backend {
    open: |url| connection(pool::sqlite_with(url, &one())?),
    open_existing: |url| connection(existing(url.as_ref(), &one())?),
    open_to_read: |url| match open_to_read(url.as_ref()) {
        Ok((conn, _)) => Ok(Opened {
            conn: Box::new(conn),
            missing_file: None,
        }),
        // An empty database is what would be there.
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
};

/// The command needs one connection only.
fn one() -> PoolConfig {
    let mut config = recommended_pool_config(PoolDriver::Sqlite);
    config.max_size = 1;
    config
}

fn connection(
    pool: r2d2::Pool<diesel::r2d2::ConnectionManager<diesel::SqliteConnection>>,
) -> Result<Box<dyn Database>, PoolError> {
    let conn = pool.get().map_err(|source| PoolError::Pool { source })?;
    Ok(Box::new(conn))
}
