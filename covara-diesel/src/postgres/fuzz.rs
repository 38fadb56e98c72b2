//! The functions of this module that the fuzz targets call.

use std::time::Duration;

use diesel::ConnectionError;

use super::pool;
use super::startup::Startup;
use super::watch::{Change, changes_of_script};
use crate::pool::{PoolDriver, recommended_pool_config};

/// Returns the changes of a script: `"begins"`, `"ends"`, `"ends and begins"`, or `"copies"`.
pub fn transaction_changes(script: &str) -> Vec<&'static str> {
    let changes = changes_of_script(script).into_iter();
    let names = changes.map(|change| match change {
        Change::Begins => "begins",
        Change::Ends => "ends",
        Change::EndsAndBegins => "ends and begins",
        Change::Copies => "copies",
    });
    names.collect()
}

/// Returns the string for libpq, with a time-out for connecting, if a pool accepts the given one.
pub fn connection_string(given: &str) -> Option<String> {
    pool::connection_string(given, Some(Duration::from_secs(9))).ok()
}

/// Returns the string for libpq with the parameters of a pool, which sets those time-outs of the
/// server that are named in `unset`.
pub fn startup_url(given: &str, unset: &str) -> Option<String> {
    let mut config = recommended_pool_config(PoolDriver::Postgres);
    config.statement_timeout = Some(Duration::from_secs(1));
    config.lock_timeout = Some(Duration::from_secs(2));
    config.idle_in_transaction_timeout = Some(Duration::from_secs(3));
    config.keepalive = Some(Duration::from_secs(4));
    config.tcp_user_timeout = Some(Duration::from_secs(5));
    let mut startup = Startup::new(given, &config);
    startup.tell(unset, &config);
    Some(startup.url(&connection_string(given)?))
}

/// Returns whether an error shows no message of libpq's that may quote a password.
pub fn is_withheld(message: &str, url: &str) -> bool {
    let error = ConnectionError::BadConnection(message.to_owned());
    let source = std::error::Error::source(&pool::explain(error, url)).map(ToString::to_string);
    source.is_none_or(|source| source != message)
}
