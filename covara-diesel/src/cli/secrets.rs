//! Removes passwords from messages about arguments.

use crate::pool::connection_string::Url;
use crate::pool::{PoolDriver, UnknownUrlError};

/// Removes from `text` the quoted arguments that may contain a password, such as a misplaced
/// database URL. No message quotes the database URL in its proper place.
pub(super) fn without(text: &str) -> String {
    let mut text = text.to_owned();
    for argument in std::env::args_os().skip(1) {
        let argument = argument.to_string_lossy();
        let value = match argument.split_once('=') {
            Some((option, value)) if option.starts_with('-') => value,
            _ => &argument,
        };
        if may_hold_a_password(value) {
            let scheme = Url::of_server(value).map_or("", |url| url.scheme);
            text = text.replace(value, &format!("{scheme}:…"));
        }
    }
    text
}

/// Returns whether an argument may contain a password. Plain paths and words do not.
fn may_hold_a_password(value: &str) -> bool {
    let plain = matches!(
        PoolDriver::from_url(value),
        Ok(PoolDriver::Sqlite) | Err(UnknownUrlError::Empty)
    );
    !plain || value.contains('?') || value.contains(':') && value.contains('@')
}
