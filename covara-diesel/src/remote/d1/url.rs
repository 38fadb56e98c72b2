//! Parses the URL of a D1 database.

use diesel::result::ConnectionResult;

use crate::remote::environment::{HTTP_OPTIONS, from_env, token_or_env};
use crate::remote::error::bad_url;
use crate::remote::url::{HttpOptions, Parts, check_encrypted};

/// Cloudflare's API: <https://developers.cloudflare.com/api/>.
const API: &str = "https://api.cloudflare.com/client/v4";

/// Environment variables that Cloudflare's own tools read.
const TOKEN_VARIABLES: [&str; 2] = ["CLOUDFLARE_API_TOKEN", "D1_TOKEN"];
const API_VARIABLE: &str = "CLOUDFLARE_API_BASE_URL";

/// The contents of a URL.
pub(super) struct D1Url {
    /// The URL that statements are sent to.
    pub(super) endpoint: String,
    pub(super) authority: String,
    pub(super) token: Option<String>,
    pub(super) options: HttpOptions,
}

impl D1Url {
    pub(super) fn of(url: &str) -> ConnectionResult<Self> {
        let parts = Parts::of(url)?;
        if parts.scheme != "d1" {
            return Err(bad_url("a D1 database is named by d1://ACCOUNT/DATABASE"));
        }
        let account = parts.authority;
        let database = parts.path.trim_matches('/');
        // They become part of a path, so they must not contain anything that leads out of it.
        let is_name = |name: &str| {
            !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        if !is_name(account) || !is_name(database) {
            return Err(bad_url(
                "a D1 database is named by d1://ACCOUNT/DATABASE, the ids of both",
            ));
        }
        let mut options = HttpOptions::default();
        let (mut token, mut base) = (None, from_env(API_VARIABLE));
        for (name, value) in &parts.parameters {
            match (name.as_str(), value.as_str()) {
                ("token", value) => token = Some(value.to_owned()),
                ("base_url", value) => base = Some(value.to_owned()),
                // The driver has been chosen already.
                ("driver", _) => {}
                (name, value) if options.take(name, value)? => {}
                // The name is not repeated: it may be a token without a parameter name.
                _ => {
                    return Err(bad_url(format!(
                        "a parameter of the URL is none of those of D1: token, base_url, {}",
                        HTTP_OPTIONS
                    )));
                }
            }
        }
        let base = base.unwrap_or_else(|| API.to_owned());
        let base = base.trim_end_matches('/');
        let parts = Parts::of(base)?;
        if !["http", "https"].contains(&parts.scheme) || !parts.parameters.is_empty() {
            return Err(bad_url("base_url is no plain https:// or http:// URL"));
        }
        check_encrypted(parts.scheme, parts.authority, &options)?;
        Ok(Self {
            endpoint: format!("{base}/accounts/{account}/d1/database/{database}/raw"),
            authority: parts.authority.to_owned(),
            token: token_or_env(token, &TOKEN_VARIABLES),
            options,
        })
    }
}

#[cfg(test)]
mod tests;
