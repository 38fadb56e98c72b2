//! Names of SQLite databases: a path, a `file:` or `sqlite:` URL, `:memory:`.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;

use crate::backend::dialect::Dialect;
use crate::pool::PoolError;

/// Converts the user's input to the path or `file:` URL that SQLite opens.
pub(super) fn database_url(given: &str) -> Result<String, PoolError> {
    let url = given
        .strip_prefix("sqlite://")
        .or_else(|| given.strip_prefix("sqlite:"))
        .unwrap_or(given);
    match url.split_once("://") {
        Some((scheme, _)) if scheme != "file" && is_scheme(scheme) => {
            Err(PoolError::UnsupportedScheme {
                scheme: scheme.to_owned(),
                dialect: Dialect::Sqlite,
                expected: "a path, file:, sqlite: or :memory:",
            })
        }
        // Parameters and percent-encoded characters have a meaning only in URLs.
        _ if url.len() < given.len() && url.contains(['?', '%']) => {
            // A fragment would belong neither to the path nor to the parameters.
            Ok(format!("file:{}", url.replace('#', "%23")))
        }
        _ => Ok(url.to_owned()),
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

/// Returns whether each connection would get a database of its own, or one that ends with the last
/// connection: in memory, or in a temporary file (<https://sqlite.org/inmemorydb.html>).
pub(super) fn is_private(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("file:") else {
        return url.is_empty() || url == ":memory:";
    };
    let path = path_of(rest);
    path.is_empty()
        || path == ":memory:"
        || last_parameter(rest, "mode").is_some_and(|mode| mode == "memory")
        || last_parameter(rest, "vfs").is_some_and(|vfs| vfs == "memdb")
}

/// Returns the path in the text after `file:`, as SQLite reads it, without the host, which must be
/// empty or `localhost`. The path is empty for a temporary file.
fn path_of(rest: &str) -> String {
    let rest = rest.split(['?', '#']).next().unwrap_or(rest);
    decoded(rest.strip_prefix("//").map_or(rest, |absolute| {
        absolute.find('/').map_or("", |slash| &absolute[slash..])
    }))
}

/// Returns the value of a parameter in the text after `file:`; the last one counts.
fn last_parameter(rest: &str, name: &str) -> Option<String> {
    let rest = rest.split('#').next().unwrap_or(rest);
    let (_, query) = rest.split_once('?')?;
    let pairs = query.split('&').rev();
    pairs
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| decoded(key) == name)
        .map(|(_, value)| decoded(value))
}

/// Decodes percent-encoded text. SQLite ignores all characters after a zero byte.
fn decoded(text: &str) -> String {
    let text = percent_decode_str(text).decode_utf8_lossy();
    text.split('\0').next().unwrap_or_default().to_owned()
}

/// Returns whether SQLite itself would create a file that does not exist.
pub(super) fn may_create(url: &str) -> bool {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let is_other =
        |pair: &str| pair.starts_with("vfs=") || pair.starts_with("mode=") && pair != "mode=rwc";
    !url.starts_with("file:") || !query.split(['&', '#']).any(is_other)
}

/// Returns the path, for error texts and for access to the file system.
pub(super) fn file_path(url: &str) -> PathBuf {
    let Some(rest) = url.strip_prefix("file:") else {
        return PathBuf::from(url);
    };
    let rest = rest.split(['?', '#']).next().unwrap_or(rest);
    let path = rest.strip_prefix("//").map_or(rest, |absolute| {
        absolute
            .find('/')
            .map_or(absolute, |slash| &absolute[slash..])
    });
    PathBuf::from(&*percent_decode_str(path).decode_utf8_lossy())
}

/// Returns the URL with which SQLite does not create a file, even one that has just been removed.
///
/// `mode=ro` would do, but it leaves the WAL's files behind.
pub(super) fn without_creating(url: &str) -> String {
    let Some(rest) = url.strip_prefix("file:") else {
        // These characters have a meaning in a URL: <https://sqlite.org/uri.html>.
        let path = url
            .replace('%', "%25")
            .replace('?', "%3f")
            .replace('#', "%23");
        // Two slashes would begin a host.
        let slashes = path.len() - path.trim_start_matches('/').len();
        return format!("file:{}?mode=rw", &path[slashes.saturating_sub(1)..]);
    };
    let rest = rest.split('#').next().unwrap_or(rest);
    match rest.split_once('?') {
        None => format!("file:{rest}?mode=rw"),
        Some((path, query)) => {
            let kept = query.split('&').filter(|pair| *pair != "mode=rwc");
            let mut query: Vec<&str> = kept.collect();
            if !query.iter().any(|pair| pair.starts_with("mode=")) {
                query.push("mode=rw");
            }
            format!("file:{path}?{}", query.join("&"))
        }
    }
}

#[cfg(test)]
mod tests;
