//! Connection strings of PostgreSQL, in both of libpq's forms.

mod environment;

use std::borrow::Cow;

use super::connection_string::{Url, decoded, pairs, parameter};
pub(crate) use environment::parameter_or_env;

/// A PostgreSQL connection string without a parameter.
pub(crate) fn without_parameter<'a>(text: &'a str, name: &str) -> Cow<'a, str> {
    match Url::of_postgres(text) {
        Some(url) => query_without(text, url, name),
        None => pairs_without(text, name),
    }
}

/// Returns the number of hosts that a PostgreSQL connection string names, or else the environment.
/// libpq tries one after the other.
pub(crate) fn host_count(text: &str) -> usize {
    let url = Url::of_postgres(text);
    let authority = || {
        let (_, hosts) = url?.user_and_hosts();
        (!hosts.is_empty()).then(|| hosts.into())
    };
    // A list in a parameter is split after it has been decoded.
    let list = |hosts: Cow<'_, str>| match url {
        Some(_) => hosts.replace("%2C", ",").replace("%2c", ",").into(),
        None => hosts.into_owned().into(),
    };
    let hosts = parameter(text, "hostaddr")
        .filter(|addresses| !addresses.is_empty())
        .or_else(|| parameter(text, "host"))
        .map(list)
        .or_else(authority)
        .or_else(|| from_env("PGHOSTADDR"))
        .or_else(|| from_env("PGHOST"));
    hosts.map_or(1, |hosts: Cow<'_, str>| hosts.split(',').count())
}

fn from_env(variable: &str) -> Option<Cow<'static, str>> {
    let value = std::env::var(variable).ok()?;
    (!value.is_empty()).then(|| value.into())
}

/// The URL `text` without a parameter. libpq looks for a user before the first slash, which may have
/// stood in that parameter: an `@` behind it would then end a user.
fn query_without<'a>(text: &'a str, url: Url<'a>, name: &str) -> Cow<'a, str> {
    if url.parameters().all(|(key, _)| key != name) {
        return text.into();
    }
    let kept = url.query.unwrap_or_default().split('&');
    let kept: Vec<&str> = kept
        .filter(|pair| decoded(pair.split('=').next().unwrap_or_default()) != name)
        .collect();
    if kept.is_empty() {
        url.base.into()
    } else {
        format!("{}?{}", url.base, kept.join("&").replace('@', "%40")).into()
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
