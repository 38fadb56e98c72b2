//! Parses the connection string of a Neon database.

use std::net::IpAddr;

use diesel::result::ConnectionResult;
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::pool::connection_string::{Url, decoded};
use crate::remote::error::bad_url;
use crate::remote::url::{HttpOptions, Parts, check_encrypted};

/// What cannot be in a header, or would be read as another part of a URL.
const OF_HOSTS: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'`')
    .add(b'#');

/// What is a part of a URL by itself.
const OF_PARTS: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The contents of a connection string.
pub(super) struct NeonUrl {
    /// The URL that statements are sent to.
    pub(super) endpoint: String,
    pub(super) authority: String,
    /// The connection string that is sent with each request.
    pub(super) connection_string: String,
    /// The password, as it stands there, decoded and as it is sent.
    pub(super) secrets: Vec<String>,
    pub(super) token: Option<String>,
    pub(super) options: HttpOptions,
}

impl NeonUrl {
    /// Parses a connection string. `is_asked`: a function returns the token of each request.
    pub(super) fn of(text: &str, is_asked: bool) -> ConnectionResult<Self> {
        let url = Url::of_postgres(text).ok_or_else(|| {
            bad_url("a Neon database is named by postgres://USER:PASSWORD@HOST/DATABASE")
        })?;
        let (Some(user), hosts) = url.user_and_hosts() else {
            return Err(bad_url("the URL names no user"));
        };
        let (user, password) = match user.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (user, None),
        };
        let host = hosts.rsplit_once(':').map_or(hosts, |(host, _)| host);
        let database = url.path.trim_matches('/');
        if user.is_empty() || host.is_empty() || database.is_empty() || host.contains(',') {
            return Err(bad_url(
                "the URL does not name one host, a user and a database",
            ));
        }
        let mut options = HttpOptions::default();
        let (mut token, mut base) = (None, None);
        let mut kept = Vec::new();
        for (name, value) in url.parameters() {
            let value = value.ok_or_else(|| bad_url("a parameter of the URL has no value"))?;
            let readable = decoded(value).into_owned();
            match &*name {
                // The driver has been chosen already.
                "driver" => {}
                "token" => token = Some(readable),
                "base_url" => base = Some(readable),
                "options"
                    if readable
                        .split_whitespace()
                        .any(|word| word.starts_with('-')) =>
                {
                    return Err(bad_url(
                        "Neon ignores settings in the parameter options over HTTP: set them by \
                         ALTER ROLE or ALTER DATABASE, or by SET LOCAL in a batch()",
                    ));
                }
                name if options.take(name, &readable)? => {}
                name => kept.push(format!("{}={}", encoded(name), encoded(&readable))),
            }
        }
        let has_password = password.is_some_and(|password| !password.is_empty());
        let has_token = token.is_some() || is_asked;
        match (has_password, has_token) {
            (true, true) => {
                return Err(bad_url(
                    "the URL has a password beside a token: Neon takes one of them",
                ));
            }
            (false, false) => return Err(bad_url("the URL has neither a password nor a token")),
            _ => {}
        }
        let endpoint = match base {
            Some(base) => base,
            None => endpoint(host, has_token)?,
        };
        let parts = Parts::of(&endpoint)?;
        if !["http", "https"].contains(&parts.scheme) || !parts.parameters.is_empty() {
            return Err(bad_url("base_url is no plain https:// or http:// URL"));
        }
        if parts.path.is_empty() {
            return Err(bad_url("base_url has no path: Neon's is /sql"));
        }
        check_encrypted(parts.scheme, parts.authority, &options)?;
        let user = encoded(&decoded(user));
        let (login, secrets) = match password {
            Some(password) => {
                let readable = decoded(password).into_owned();
                let sent = encoded(&readable);
                let login = format!("{user}:{sent}");
                (login, vec![password.to_owned(), readable, sent])
            }
            None => (user, Vec::new()),
        };
        let hosts = utf8_percent_encode(hosts, OF_HOSTS);
        let database = encoded(&decoded(database));
        let question = if kept.is_empty() { "" } else { "?" };
        let kept = kept.join("&");
        Ok(Self {
            authority: parts.authority.to_owned(),
            connection_string: format!("postgres://{login}@{hosts}/{database}{question}{kept}"),
            secrets,
            token,
            options,
            endpoint,
        })
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, OF_PARTS).to_string()
}

/// Returns the URL that Neon's own client derives from a host: the first label is replaced.
fn endpoint(host: &str, has_token: bool) -> ConnectionResult<String> {
    let is_address = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    match host.split_once('.') {
        Some((_, rest)) if !is_address => {
            let label = if has_token { "apiauth" } else { "api" };
            Ok(format!("https://{label}.{rest}/sql"))
        }
        _ => Err(bad_url(
            "Neon's address cannot be derived from this host: name it by base_url",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "ep-x-1.eu-central-1.aws.neon.tech";

    #[test]
    fn statements_go_where_neons_own_client_sends_them() {
        let of = |url: String| NeonUrl::of(&url, false).unwrap();
        let url = of(format!(
            "postgres://ada:se%40cret@{HOST}:5432/app?sslmode=require"
        ));
        assert_eq!(url.endpoint, "https://api.eu-central-1.aws.neon.tech/sql");
        assert_eq!(
            url.connection_string,
            format!("postgres://ada:se%40cret@{HOST}:5432/app?sslmode=require")
        );
        // As libpq reads it, in a form that other readers of URLs understand.
        let url = of(format!("postgres://ada:a#b?d@{HOST}/a%20b"));
        assert_eq!(
            url.connection_string,
            format!("postgres://ada:a%23b%3Fd@{HOST}/a%20b")
        );
        let url = of(format!(
            "postgresql://ada@{HOST}/app?driver=neon-http&token=x"
        ));
        assert_eq!(
            url.endpoint,
            "https://apiauth.eu-central-1.aws.neon.tech/sql"
        );
        assert!(
            !url.connection_string.contains("driver"),
            "{}",
            url.connection_string
        );
        assert!(
            !url.connection_string.contains("token"),
            "{}",
            url.connection_string
        );
        let url = of("postgres://a:b@1.2.3.4/c?base_url=http://127.0.0.1:7/sql".to_owned());
        assert_eq!(url.authority, "127.0.0.1:7");
    }

    #[test]
    fn what_cannot_be_used_is_refused_without_its_secrets() {
        for url in [
            format!("postgres://{HOST}/app?token=secret"),
            format!("postgres://ada@{HOST}/app"),
            format!("postgres://ada:secret@{HOST}/app?token=secret"),
            format!("postgres://ada:secret@{HOST}"),
            "postgres://ada:secret@1.2.3.4/app".to_owned(),
            "postgres://ada:secret@localhost/app".to_owned(),
            format!("postgres://ada:secret@{HOST}/app?base_url=http://example.com/sql"),
            format!("postgres://ada:secret@{HOST},b.c/app"),
            format!("postgres://ada:secret@{HOST}/app?options=-c%20search_path%3Dsecret"),
            "host=x password=secret".to_owned(),
        ] {
            let error = NeonUrl::of(&url, false).err().unwrap().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
