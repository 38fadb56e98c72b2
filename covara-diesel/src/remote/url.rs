//! Parses URLs of remote databases.

use std::path::PathBuf;
use std::time::Duration;

use diesel::result::ConnectionResult;
use percent_encoding::percent_decode_str;

use super::error::bad_url;
use crate::pool::connection_string::Url;

/// The options in a remote URL.
#[derive(Debug, Clone)]
pub(super) struct HttpOptions {
    /// Longest wait for a connection to the server.
    pub(super) connect_timeout: Duration,
    /// Longest wait for one answer, including sending the request.
    pub(super) request_timeout: Duration,
    /// Longest wait for a statement, including all its tries and the pauses between them.
    pub(super) statement_timeout: Duration,
    /// Largest answer that is read, in bytes.
    pub(super) most_bytes: u64,
    /// `true` if unencrypted HTTP to other machines is accepted.
    pub(super) plain_http: bool,
    /// Certificates to trust instead of the well-known ones, in PEM.
    pub(super) root_certificates: Option<PathBuf>,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            statement_timeout: Duration::from_secs(60),
            most_bytes: 64 << 20,
            plain_http: false,
            root_certificates: None,
        }
    }
}

impl HttpOptions {
    /// Takes a parameter of the URL; `false` if it is none of these options.
    pub(super) fn take(&mut self, name: &str, value: &str) -> ConnectionResult<bool> {
        match name {
            "connect_timeout" => self.connect_timeout = seconds(name, value)?,
            "request_timeout" => self.request_timeout = seconds(name, value)?,
            "statement_timeout" => self.statement_timeout = seconds(name, value)?,
            "max_response_bytes" => {
                self.most_bytes = value
                    .parse()
                    .map_err(|_| bad_url("max_response_bytes is not a number of bytes"))?;
            }
            "allow_plain_http" => {
                self.plain_http = value
                    .parse()
                    .map_err(|_| bad_url("allow_plain_http is neither true nor false"))?;
            }
            "sslrootcert" => self.root_certificates = Some(value.into()),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn seconds(name: &str, value: &str) -> ConnectionResult<Duration> {
    value
        .parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| bad_url(format!("{name} is not a number of seconds above 0")))
}

/// The parts of a URL.
pub(super) struct Parts<'a> {
    pub(super) scheme: &'a str,
    /// Host and port.
    pub(super) authority: &'a str,
    /// The path with its leading slash, or empty.
    pub(super) path: &'a str,
    pub(super) parameters: Vec<(String, String)>,
}

impl<'a> Parts<'a> {
    pub(super) fn of(url: &'a str) -> ConnectionResult<Self> {
        let url = Url::of_server(url).ok_or_else(|| bad_url("the URL has no scheme"))?;
        let authority = url.authority.unwrap_or_default();
        if authority.is_empty() || authority.contains('@') {
            return Err(bad_url(
                "the URL names no host, or a user before it: a token goes into a parameter",
            ));
        }
        let parameters = url.parameters().map(|(name, value)| {
            // What has no name may be a token: it is not repeated.
            let value = value.ok_or_else(|| bad_url("a parameter of the URL has no value"))?;
            Ok((name.into_owned(), decoded(value)?))
        });
        Ok(Self {
            scheme: url.scheme,
            authority,
            path: url.path,
            parameters: parameters.collect::<ConnectionResult<_>>()?,
        })
    }
}

fn decoded(text: &str) -> ConnectionResult<String> {
    percent_decode_str(text)
        .decode_utf8()
        .map(Into::into)
        .map_err(|_| bad_url("a parameter is not UTF-8"))
}

/// Returns the part of the URL that can be shown: without parameters, and without a user.
pub(super) fn without_secrets(url: &str) -> String {
    // What is no URL may be anything.
    let Some(url) = Url::of_server(url.split('#').next().unwrap_or_default()) else {
        return String::new();
    };
    match url.base.rsplit_once('@') {
        Some((_, rest)) => format!("{}://{rest}", url.scheme),
        None => url.base.to_owned(),
    }
}

/// Refuses unencrypted HTTP to other machines, where anybody on the way reads the token.
pub(super) fn check_encrypted(
    scheme: &str,
    authority: &str,
    options: &HttpOptions,
) -> ConnectionResult<()> {
    if scheme != "http" || options.plain_http || is_loopback(authority) {
        return Ok(());
    }
    Err(bad_url(
        "unencrypted HTTP is accepted for this machine only: use https, or add \
         allow_plain_http=true",
    ))
}

/// Returns the host of an authority, an IPv6 address in its brackets; `None` if anything but a port
/// follows: `127.0.0.1:80@example.com` leads to another host.
pub(super) fn host(authority: &str) -> Option<&str> {
    let end = match authority.starts_with('[') {
        true => authority.find(']')? + 1,
        false => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, port) = authority.split_at(end);
    let digits = port.strip_prefix(':').unwrap_or(port);
    let is_port = digits.bytes().all(|byte| byte.is_ascii_digit());
    let is_name = !host.is_empty() && !host.contains(['@', '/', '\\']);
    (is_name && is_port).then_some(host)
}

pub(super) fn is_loopback(authority: &str) -> bool {
    let Some(host) = host(authority) else {
        return false;
    };
    let host = host.trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests;
