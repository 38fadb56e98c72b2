//! Connection strings of PostgreSQL, in both of libpq's forms.

mod environment;

use std::borrow::Cow;

use super::connection_string::{Url, pairs, parameter};
pub(crate) use environment::parameter_or_env;

/// A PostgreSQL connection string as libpq takes it, without the parameter `driver`.
pub(crate) fn without_driver(text: &str) -> Cow<'_, str> {
    match Url::of_postgres(text) {
        Some(url) => query_without(text, url, "driver"),
        None => pairs_without(text, "driver"),
    }
}

/// Returns the number of hosts that a PostgreSQL connection string names, or else the environment.
/// libpq tries one after the other.
pub(crate) fn host_count(text: &str) -> usize {
    let authority = || {
        let hosts = Url::of_postgres(text)?.hosts();
        (!hosts.is_empty()).then(|| hosts.into())
    };
    let hosts = parameter(text, "hostaddr")
        .or_else(|| parameter(text, "host"))
        .or_else(authority)
        .or_else(|| from_env("PGHOSTADDR"))
        .or_else(|| from_env("PGHOST"));
    hosts.map_or(1, |hosts| hosts.split(',').count())
}

fn from_env(variable: &str) -> Option<Cow<'static, str>> {
    let value = std::env::var(variable).ok()?;
    (!value.is_empty()).then(|| value.into())
}

/// The URL `text` without a parameter.
fn query_without<'a>(text: &'a str, url: Url<'a>, name: &str) -> Cow<'a, str> {
    if url.parameters().all(|(key, _)| key != name) {
        return text.into();
    }
    let kept = url.query.unwrap_or_default().split('&');
    let kept: Vec<&str> = kept
        .filter(|pair| pair.split('=').next() != Some(name))
        .collect();
    if kept.is_empty() {
        url.base.into()
    } else {
        format!("{}?{}", url.base, kept.join("&")).into()
    }
}

/// The `key=value` form without a parameter.
fn pairs_without<'a>(text: &'a str, name: &str) -> Cow<'a, str> {
    let mut kept = String::new();
    let mut end = 0;
    for (.., place) in pairs(text).filter(|(key, ..)| *key == name) {
        kept.push_str(&text[end..place.start]);
        end = place.end;
    }
    if end == 0 {
        return text.into();
    }
    kept.push_str(&text[end..]);
    kept.into()
}

#[cfg(test)]
mod tests;
