//! Names of SQLite databases: a path, a `file:` or `sqlite:` URL, `:memory:`.

use std::path::PathBuf;

use crate::backend::dialect::Dialect;
use crate::pool::PoolError;
use crate::pool::connection_string::{self, Url, without_sqlite};

/// Converts the user's input to the path or `file:` URL that SQLite opens.
pub(super) fn database_url(given: &str) -> Result<String, PoolError> {
    let url = without_sqlite(given);
    match Url::of_server(url) {
        Some(server) if server.scheme != "file" => Err(PoolError::UnsupportedScheme {
            scheme: server.scheme.to_owned(),
            dialect: Dialect::Sqlite,
            expected: "a path, file:, sqlite: or :memory:",
        }),
        // Parameters and percent-encoded characters have a meaning only in URLs.
        _ if url.len() < given.len() && url.contains(['?', '%']) => {
            // A fragment would belong neither to the path nor to the parameters.
            Ok(format!("file:{}", url.replace('#', "%23")))
        }
        _ => Ok(url.to_owned()),
    }
}

/// The parts of a `file:` URL. Its authority is a host, which must be empty or `localhost`, and
/// no part of the path; an empty path is a temporary file.
fn file(url: &str) -> Option<Url<'_>> {
    Url::of(url).filter(|url| url.scheme == "file")
}

/// Returns whether each connection would get a database of its own, or one that ends with the last
/// connection: in memory, or in a temporary file (<https://sqlite.org/inmemorydb.html>).
pub(super) fn is_private(url: &str) -> bool {
    let Some(file) = file(url) else {
        return url.is_empty() || url == ":memory:";
    };
    let path = decoded(file.path);
    path.is_empty()
        || path == ":memory:"
        || last_parameter(file, "mode").is_some_and(|mode| mode == "memory")
        || last_parameter(file, "vfs").is_some_and(|vfs| vfs == "memdb")
}

/// The value of a parameter; the last one counts.
fn last_parameter(file: Url<'_>, name: &str) -> Option<String> {
    let mut parameters = file.parameters().rev();
    let value = parameters.find_map(|(key, value)| value.filter(|_| before_nul(&key) == name));
    value.map(decoded)
}

/// Decodes percent-encoded text. SQLite ignores all characters after a zero byte.
fn decoded(text: &str) -> String {
    before_nul(&connection_string::decoded(text)).to_owned()
}

fn before_nul(text: &str) -> &str {
    text.split('\0').next().unwrap_or_default()
}

/// Returns whether SQLite creates a file that does not exist.
pub(super) fn creates(url: &str) -> bool {
    has_no_parameter(url, |name, value| name == "mode" && value != "rwc")
}

/// Returns whether the library may create it in the place of SQLite.
pub(super) fn may_create(url: &str) -> bool {
    creates(url) && has_no_parameter(url, |name, _| name == "vfs")
}

fn has_no_parameter(url: &str, is: fn(&str, &str) -> bool) -> bool {
    file(url).is_none_or(|file| {
        let mut parameters = file.parameters();
        !parameters
            .any(|(name, value)| value.is_some_and(|value| is(before_nul(&name), &decoded(value))))
    })
}

/// Returns the path, for error texts and for access to the file system.
pub(super) fn file_path(url: &str) -> PathBuf {
    PathBuf::from(file(url).map_or_else(|| url.to_owned(), |file| decoded(file.path)))
}

/// Returns the URL with which SQLite does not create a file, even one that has just been removed.
///
/// `mode=ro` would do, but it leaves the WAL's files behind.
pub(super) fn without_creating(url: &str) -> String {
    let Some(file) = file(url) else {
        // These characters have a meaning in a URL: <https://sqlite.org/uri.html>.
        let path = url
            .replace('%', "%25")
            .replace('?', "%3f")
            .replace('#', "%23");
        // Two slashes would begin a host.
        let slashes = path.len() - path.trim_start_matches('/').len();
        return format!("file:{}?mode=rw", &path[slashes.saturating_sub(1)..]);
    };
    let pairs = file.query.unwrap_or_default().split('&');
    let is_mode = |pair: &&str| decoded(pair.split('=').next().unwrap_or_default()) == "mode";
    let creates = |pair: &&str| {
        is_mode(pair)
            && pair
                .split_once('=')
                .is_some_and(|(_, mode)| decoded(mode) == "rwc")
    };
    let kept = pairs.filter(|pair| !pair.is_empty() && !creates(pair));
    let mut kept: Vec<&str> = kept.collect();
    if !kept.iter().any(is_mode) {
        kept.push("mode=rw");
    }
    format!("{}?{}", file.base, kept.join("&"))
}

#[cfg(test)]
mod tests;
