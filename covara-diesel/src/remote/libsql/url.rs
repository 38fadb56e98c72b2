//! Where a libSQL server is.

use diesel::result::ConnectionResult;

use crate::remote::bridge::bad_url;
use crate::remote::url::{Options, Parts, check_encrypted, token_or_env};

/// What a URL says.
pub(super) struct Target {
    /// `https://host:port/path`, without a slash at its end.
    pub(super) base: String,
    pub(super) authority: String,
    pub(super) token: Option<String>,
    pub(super) options: Options,
}

/// Environment variables that may hold the token: libSQL's own name and Turso's.
const TOKEN_VARIABLES: [&str; 2] = ["LIBSQL_AUTH_TOKEN", "TURSO_AUTH_TOKEN"];

impl Target {
    pub(super) fn of(url: &str) -> ConnectionResult<Self> {
        let parts = Parts::of(url)?;
        let mut options = Options::default();
        let mut token = None;
        let mut encrypted = true;
        for (name, value) in &parts.parameters {
            match (name.as_str(), value.as_str()) {
                ("authToken", value) => token = Some(value.to_owned()),
                ("tls", "0") => encrypted = false,
                ("tls", "1") => encrypted = true,
                // Which driver a URL is for is known already.
                ("driver", _) => {}
                (name, value) if options.take(name, value)? => {}
                // Its name is not repeated: it may be a token that lacks one, with the `=` that
                // tokens may end with.
                _ => {
                    return Err(bad_url(format!(
                        "a parameter of the URL is none of those of libSQL: authToken, tls, {}",
                        Options::NAMES
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
        check_encrypted(&base, &options)?;
        Ok(Self {
            base,
            authority: parts.authority.to_owned(),
            token: token_or_env(token, &TOKEN_VARIABLES),
            options,
        })
    }
}

#[cfg(test)]
mod tests;
