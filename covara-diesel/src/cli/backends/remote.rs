//! Servers over HTTP.

use super::CommandConnection;
use crate::any::AnyDatabase;
use crate::cli::database::{BackendFunctions, Database, Opened};
use crate::doctor;
use crate::pool::{PoolDriver, PoolError, PreparePool, recommended_pool_config};
use crate::remote::{Driver, RemoteConnection};

impl<D: Driver> CommandConnection for RemoteConnection<D>
where
    Self: AnyDatabase,
{
    const FUNCTIONS: BackendFunctions = BackendFunctions {
        open: open::<D>,
        open_existing: open::<D>,
        open_to_try: open::<D>,
        open_to_read: |url| {
            Ok(Opened {
                conn: open::<D>(url)?,
                missing_file: None,
            })
        },
        rehearse: |_, mut conn, is_pending| match is_pending {
            true => Ok(conn.rehearse()?),
            false => Ok(()),
        },
        examine: doctor::remote::examine::<D>,
        keeps_parts: D::NO_TRANSACTIONS.is_some(),
        cancel: None,
    };
}

/// Opens a connection with the settings of a pool.
fn open<D: Driver>(url: &str) -> Result<Box<dyn Database>, PoolError>
where
    RemoteConnection<D>: AnyDatabase,
{
    let driver = PoolDriver::from_url(url)?;
    let config = recommended_pool_config(driver);
    let conn = RemoteConnection::<D>::prepare(url, driver, &config)?
        .typed()?
        .get();
    Ok(Box::new(conn.map_err(|source| PoolError::Pool { source })?))
}
