//! Servers over HTTP.

use diesel::r2d2::{ConnectionManager, R2D2Connection};
use r2d2::PooledConnection;

use super::CommandConnection;
#[cfg(feature = "_remote-sqlite")]
use crate::any::AnyDatabase;
use crate::cli::database::{BackendFunctions, Database, Opened};
use crate::doctor::{self, Report};
use crate::pool::{PoolDriver, PoolError, PreparePool, recommended_pool_config};
#[cfg(feature = "neon")]
use crate::remote::NeonHttpConnection;
#[cfg(feature = "_remote-sqlite")]
use crate::remote::{Driver, RemoteConnection};

#[cfg(feature = "_remote-sqlite")]
impl<D: Driver> CommandConnection for RemoteConnection<D>
where
    Self: AnyDatabase,
{
    const FUNCTIONS: BackendFunctions =
        functions::<Self>(doctor::remote::examine::<D>, D::NO_TRANSACTIONS.is_some());
}

#[cfg(feature = "neon")]
impl CommandConnection for NeonHttpConnection {
    const FUNCTIONS: BackendFunctions = functions::<Self>(|url| doctor::neon_http(url), true);
}

/// Returns the functions of connections that send nothing before the first statement.
const fn functions<C>(
    examine: fn(&str) -> Result<Report, PoolError>,
    keeps_parts: bool,
) -> BackendFunctions
where
    C: PreparePool + R2D2Connection + Send + 'static,
    PooledConnection<ConnectionManager<C>>: Database,
{
    BackendFunctions {
        open: open::<C>,
        open_existing: open::<C>,
        open_to_try: open::<C>,
        open_to_read: |url| {
            Ok(Opened {
                conn: open::<C>(url)?,
                missing_file: None,
            })
        },
        rehearse: |_, mut conn, is_pending| match is_pending {
            true => Ok(conn.rehearse()?),
            false => Ok(()),
        },
        examine,
        keeps_parts,
        cancel: None,
    }
}

/// Opens a connection with the settings of a pool.
fn open<C>(url: &str) -> Result<Box<dyn Database>, PoolError>
where
    C: PreparePool + R2D2Connection + Send + 'static,
    PooledConnection<ConnectionManager<C>>: Database,
{
    let driver = PoolDriver::from_url(url)?;
    let config = recommended_pool_config(driver);
    let conn = C::prepare(url, driver, &config)?.typed()?.get();
    Ok(Box::new(conn.map_err(|source| PoolError::Pool { source })?))
}
