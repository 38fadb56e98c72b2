//! Removes passwords from messages about arguments.

use std::cmp::Reverse;
use std::ffi::OsString;

use crate::pool::connection_string::Url;
use crate::pool::{PoolDriver, UnknownUrlError};

/// Removes from `text` the quoted arguments that may contain a password, such as a misplaced
/// database URL. No message quotes the database URL in its proper place.
pub(crate) fn without(text: &str, arguments: impl Iterator<Item = OsString>) -> String {
    let mut secrets: Vec<String> = arguments
        .map(|argument| value(&argument.to_string_lossy()).to_owned())
        .filter(|value| may_hold_a_password(value))
        .collect();
    // One may be a part of another, of which the rest would remain.
    secrets.sort_by_key(|value| Reverse(value.len()));
    secrets.iter().fold(text.to_owned(), |text, value| {
        let scheme = Url::of_server(value).map_or("", |url| url.scheme);
        text.replace(value, &format!("{scheme}:…"))
    })
}

/// Returns the value of an option that has one in the same argument, or else the argument.
fn value(argument: &str) -> &str {
    match argument.split_once('=') {
        Some((option, value)) if option.starts_with('-') && !may_hold_a_password(option) => value,
        _ => argument,
    }
}

/// Returns whether an argument may contain a password. Plain paths and words do not.
fn may_hold_a_password(value: &str) -> bool {
    let plain = matches!(
        PoolDriver::from_url(value),
        Ok(PoolDriver::Sqlite) | Err(UnknownUrlError::Empty)
    );
    !plain || value.contains('?') || value.contains(':') && value.contains('@')
}

// The fuzz targets take this file from elsewhere.
#[cfg(test)]
#[path = "secrets/tests.rs"]
mod tests;
