//! Parses the URL of a libSQL server.

use diesel::result::ConnectionResult;

use crate::remote::environment::{HTTP_OPTIONS, token_or_env};
use crate::remote::error::bad_url;
use crate::remote::url::{HttpOptions, Parts, check_encrypted, host};

/// The contents of a URL.
pub(super) struct LibsqlUrl {
    /// `https://host:port/path`, without a slash at the end.
    pub(super) base: String,
    pub(super) authority: String,
    pub(super) token: Option<String>,
    pub(super) options: HttpOptions,
    /// Other hosts that a server may send a transaction to, token included.
    pub(super) base_hosts: Vec<String>,
}

/// Environment variables that may hold the token: libSQL's own name and Turso's.
const TOKEN_VARIABLES: [&str; 2] = ["LIBSQL_AUTH_TOKEN", "TURSO_AUTH_TOKEN"];

impl LibsqlUrl {
    pub(super) fn of(url: &str) -> ConnectionResult<Self> {
        let parts = Parts::of(url)?;
        let mut options = HttpOptions::default();
        let mut token = None;
        let mut encrypted = true;
        let mut base_hosts = Vec::new();
        for (name, value) in &parts.parameters {
            match (name.as_str(), value.as_str()) {
                ("authToken", value) => token = Some(value.to_owned()),
                ("tls", "0") => encrypted = false,
                ("tls", "1") => encrypted = true,
                ("base_hosts", hosts) => {
                    let hosts = hosts.split(',').map(str::trim);
                    base_hosts = hosts
                        .filter(|name| !name.is_empty())
                        .map(str::to_owned)
                        .collect();
                    // A port would never be compared with anything.
                    if base_hosts.iter().any(|name| host(name) != Some(name)) {
                        return Err(bad_url("base_hosts is not a list of hosts, without ports"));
                    }
                }
                // The driver has been chosen already.
                ("driver", _) => {}
                (name, value) if options.take(name, value)? => {}
                // The name is not repeated: it may be a token without a parameter name, with the
                // `=` that tokens may end with.
                _ => {
                    return Err(bad_url(format!(
                        "a parameter of the URL is none of those of libSQL: authToken, tls, \
                         base_hosts, {}",
                        HTTP_OPTIONS
                    )));
                }
            }
        }
        let scheme = match parts.scheme {
            "libsql" if encrypted => "https",
            "libsql" | "http" => "http",
            "https" => "https",
            _ => {
                return Err(bad_url(
                    "a libSQL server is reached by libsql://, https:// or http://",
                ));
            }
        };
        let path = parts.path.trim_end_matches('/');
        let base = format!("{scheme}://{}{path}", parts.authority);
        check_encrypted(scheme, parts.authority, &options)?;
        Ok(Self {
            base,
            authority: parts.authority.to_owned(),
            token: token_or_env(token, &TOKEN_VARIABLES),
            options,
            base_hosts,
        })
    }
}

#[cfg(test)]
mod tests;
