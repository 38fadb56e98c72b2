use crate::cli::{Backend, Opened};
use crate::pool::{self, PoolDriver, PoolError, recommended_pool_config};
use crate::{doctor, sqlite};

pub(crate) const BACKEND: Backend = Backend {
    open: |url| {
        let mut config = recommended_pool_config(PoolDriver::Sqlite);
        config.max_size = 1;
        let conn = pool::sqlite_with(url, &config)?.get();
        Ok(Box::new(conn.map_err(|source| PoolError::Pool { source })?))
    },
    open_to_read: |url| match sqlite::pool::open_to_read(url.as_ref()) {
        Ok((conn, _)) => Ok(Opened {
            conn: Box::new(conn),
            missing_file: None,
        }),
        // An empty database is what would be there.
        Err(PoolError::MissingFile { path }) => {
            let (conn, _) = sqlite::pool::open_to_read(":memory:".as_ref())?;
            Ok(Opened {
                conn: Box::new(conn),
                missing_file: Some(path),
            })
        }
        Err(error) => Err(error),
    },
    examine: |url| doctor::sqlite(url),
};
