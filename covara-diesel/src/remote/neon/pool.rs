use std::borrow::Cow;

use diesel::r2d2::ConnectionManager;
use r2d2::{CustomizeConnection, Pool};

use super::NeonHttpConnection;
use super::link::Link;
use crate::pool::{
    PoolConfig, PoolDriver, PoolError, PreparePool, PreparedPool, Tokens, recommended_pool_config,
};
use crate::remote::pool::prepared;

/// Opens a pool of connections to a Neon database over HTTP with the recommended settings.
///
/// `url` is one that [`NeonHttpConnection`] accepts. Nothing is sent before the first statement, and
/// checking a connection out costs no round trip.
///
/// # Errors
///
/// A URL that cannot be used.
///
/// # Example
///
/// ```
/// use covara_diesel::pool;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = pool::neon_http("postgres://ada:PASSWORD@ep-x-1.eu-central-1.aws.neon.tech/app")?;
/// assert_eq!(pool.max_size(), 1);
/// # Ok(())
/// # }
/// ```
pub fn neon_http(
    url: impl AsRef<str>,
) -> Result<Pool<ConnectionManager<NeonHttpConnection>>, PoolError> {
    neon_http_with(url, &recommended_pool_config(PoolDriver::NeonHttp))
}

/// Opens a pool as [`neon_http`] does, with settings of your own.
///
/// With [`PoolConfig::tokens`] the URL has neither a password nor a token:
///
/// ```
/// use covara_diesel::pool::{self, PoolDriver, Tokens, recommended_pool_config};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut config = recommended_pool_config(PoolDriver::NeonHttp);
/// config.tokens = Some(Tokens::new(|| Ok(std::env::var("APP_JWT")?)));
/// let url = "postgres://authenticated@ep-x-1.eu-central-1.aws.neon.tech/app";
/// let pool = pool::neon_http_with(url, &config)?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// The errors of [`neon_http`], and invalid settings.
pub fn neon_http_with(
    url: impl AsRef<str>,
    config: &PoolConfig,
) -> Result<Pool<ConnectionManager<NeonHttpConnection>>, PoolError> {
    NeonHttpConnection::prepare(url.as_ref(), PoolDriver::NeonHttp, config)?.typed()
}

impl PreparePool for NeonHttpConnection {
    fn prepare(
        url: &str,
        _: PoolDriver,
        config: &PoolConfig,
    ) -> Result<PreparedPool<Self>, PoolError> {
        let url = match config.tokens {
            // The pool opens connections before it tells them of the function.
            Some(_) => Cow::Owned(with_later_tokens(url)),
            None => Cow::Borrowed(url),
        };
        let customizer = Customizer(config.tokens.clone());
        let open = |url: &str| Link::open(url, None);
        prepared(&url, config, open, Box::new(customizer))
    }
}

/// Adds the parameter that lets a connection open without a token.
fn with_later_tokens(url: &str) -> String {
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}token=")
}

#[derive(Debug)]
struct Customizer(Option<Tokens>);

impl CustomizeConnection<NeonHttpConnection, diesel::r2d2::Error> for Customizer {
    fn on_acquire(&self, conn: &mut NeonHttpConnection) -> Result<(), diesel::r2d2::Error> {
        if let Some(tokens) = &self.0 {
            conn.link.ask_for_tokens(tokens.source());
        }
        Ok(())
    }
}
