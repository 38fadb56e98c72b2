//! PostgreSQL connection strings, in both of libpq's forms.

use std::borrow::Cow;

use super::parameters::{self, pairs};
use super::url::host;

/// Returns a PostgreSQL connection string without the parameter `driver`, as libpq expects it.
pub(crate) fn without_driver(url: &str) -> Cow<'_, str> {
    match of_scheme(url) {
        Some(_) => query_without(url, "driver"),
        None => pairs_without(url, "driver"),
    }
}

/// Returns a parameter of a PostgreSQL connection string.
pub(crate) fn parameter<'a>(url: &'a str, name: &str) -> Option<Cow<'a, str>> {
    match of_scheme(url) {
        Some(rest) => parameters::of_query(rest, name),
        None => parameters::pair(url, name),
    }
}

/// Counts the hosts that a PostgreSQL connection string names, or else the environment. libpq tries
/// them one after the other.
pub(crate) fn host_count(url: &str) -> usize {
    let authority = || {
        let hosts = host(of_scheme(url)?);
        (!hosts.is_empty()).then(|| hosts.into())
    };
    let hosts = parameter(url, "hostaddr")
        .or_else(|| parameter(url, "host"))
        .or_else(authority)
        .or_else(|| from_env("PGHOSTADDR"))
        .or_else(|| from_env("PGHOST"));
    hosts.map_or(1, |hosts| hosts.split(',').count())
}

/// Returns a parameter of a PostgreSQL connection string, or else the environment variable that
/// libpq reads instead.
#[cfg(feature = "postgres")]
pub(crate) fn parameter_or_env<'a>(
    url: &'a str,
    name: &str,
    variable: &str,
) -> Option<Cow<'a, str>> {
    parameter(url, name).or_else(|| from_env(variable))
}

fn from_env(variable: &str) -> Option<Cow<'static, str>> {
    let value = std::env::var(variable).ok()?;
    (!value.is_empty()).then(|| value.into())
}

/// Returns the rest of a PostgreSQL URL after `://`.
fn of_scheme(url: &str) -> Option<&str> {
    match url.split_once("://") {
        Some(("postgres" | "postgresql", rest)) => Some(rest),
        _ => None,
    }
}

/// Returns the URL without a query parameter.
fn query_without<'a>(url: &'a str, name: &str) -> Cow<'a, str> {
    let Some((before, query)) = url.split_once('?') else {
        return url.into();
    };
    let is_it = |pair: &&str| pair.split('=').next() == Some(name);
    if !query.split('&').any(|pair| is_it(&pair)) {
        return url.into();
    }
    let kept: Vec<&str> = query.split('&').filter(|pair| !is_it(pair)).collect();
    if kept.is_empty() {
        before.into()
    } else {
        format!("{before}?{}", kept.join("&")).into()
    }
}

/// Returns a connection string of the `key=value` form without a parameter.
fn pairs_without<'a>(text: &'a str, name: &str) -> Cow<'a, str> {
    let mut kept = String::new();
    let mut end = 0;
    for pair in pairs(text).filter(|pair| pair.key == name) {
        kept.push_str(&text[end..pair.start]);
        end = pair.end;
    }
    if end == 0 {
        return text.into();
    }
    kept.push_str(&text[end..]);
    kept.into()
}

#[cfg(test)]
mod tests;
