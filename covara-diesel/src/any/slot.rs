//! A driver's place among those that a URL can name, also where its feature is off.

use std::fmt::Debug;

use diesel::r2d2::{ConnectionManager, Pool, PooledConnection, R2D2Connection};
use r2d2::State;

use crate::any_backends::Present;
use crate::connection::DatabaseConnection;
use crate::pool::{PoolConfig, PoolDriver, PoolError};

/// A connection that a pool can be opened of.
pub trait Opened: DatabaseConnection + R2D2Connection + Send {
    #[doc(hidden)]
    fn open(
        url: &str,
        driver: PoolDriver,
        config: &PoolConfig,
    ) -> Result<Pool<ConnectionManager<Self>>, PoolError>;
}

/// The types in a driver's place.
pub trait Slot {
    /// A pool.
    type Pool: Debug + Clone;
    /// A connection of the pool.
    type Pooled;
    /// The connection in it.
    type Conn: DatabaseConnection;

    #[doc(hidden)]
    fn open(url: &str, driver: PoolDriver, config: &PoolConfig) -> Result<Self::Pool, PoolError>;
    #[doc(hidden)]
    fn get(pool: &Self::Pool) -> Result<Self::Pooled, r2d2::Error>;
    #[doc(hidden)]
    fn state(pool: &Self::Pool) -> State;
    #[doc(hidden)]
    fn max_size(pool: &Self::Pool) -> u32;
    #[doc(hidden)]
    fn conn(pooled: &mut Self::Pooled) -> &mut Self::Conn;
}

impl<C: Opened> Slot for C {
    type Pool = Pool<ConnectionManager<C>>;
    type Pooled = PooledConnection<ConnectionManager<C>>;
    type Conn = Self::Pooled;

    fn open(url: &str, driver: PoolDriver, config: &PoolConfig) -> Result<Self::Pool, PoolError> {
        C::open(url, driver, config)
    }

    fn get(pool: &Self::Pool) -> Result<Self::Pooled, r2d2::Error> {
        pool.get()
    }

    fn state(pool: &Self::Pool) -> State {
        pool.state()
    }

    fn max_size(pool: &Self::Pool) -> u32 {
        pool.max_size()
    }

    fn conn(pooled: &mut Self::Pooled) -> &mut Self::Conn {
        pooled
    }
}

/// What is in the place of a driver whose feature is off: nothing, ever.
#[derive(Debug, Clone, Copy)]
pub enum Off {}

impl Slot for Off {
    type Pool = Self;
    type Pooled = Self;
    /// Never one; but some type it must be.
    type Conn = PooledConnection<ConnectionManager<Present>>;

    fn open(_: &str, driver: PoolDriver, _: &PoolConfig) -> Result<Self, PoolError> {
        let (database, feature) = match driver {
            PoolDriver::Sqlite => ("SQLite", "sqlite"),
            PoolDriver::Libsql => ("libSQL", "libsql"),
            PoolDriver::D1 => ("D1", "d1"),
            PoolDriver::Postgres
            | PoolDriver::Neon
            | PoolDriver::Hyperdrive
            | PoolDriver::Pglite => ("PostgreSQL", "postgres"),
        };
        Err(PoolError::FeatureOff { database, feature })
    }

    fn get(pool: &Self) -> Result<Self, r2d2::Error> {
        match *pool {}
    }

    fn state(pool: &Self) -> State {
        match *pool {}
    }

    fn max_size(pool: &Self) -> u32 {
        match *pool {}
    }

    fn conn(pooled: &mut Self) -> &mut Self::Conn {
        match *pooled {}
    }
}
