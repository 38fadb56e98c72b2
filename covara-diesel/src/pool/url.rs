//! Which driver a database URL asks for.

use super::config::PoolDriver;

/// Words before the first `=` by which libpq's `key=value` form is known.
const LIBPQ_KEYWORDS: [&str; 8] = [
    "host", "hostaddr", "port", "dbname", "user", "password", "service", "sslmode",
];

/// Text that names no database this library opens. What it says holds no password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnknownUrl {
    /// The text is empty.
    #[error("the database URL is empty; give a path, sqlite:, file:, postgres:// or postgresql://")]
    Empty,

    /// The scheme belongs to no driver.
    #[error(
        "{scheme:?} is not a known scheme; give a path, sqlite:, file:, postgres:// or \
         postgresql:// (a file of that name is ./{scheme}:…)"
    )]
    Scheme {
        /// What stands before the first colon.
        scheme: String,
    },

    /// It is neither a URL with a scheme nor a plain path.
    #[error(
        "the database URL has no scheme but looks like one of a server: write postgres:// \
         before it, or ./ before a path"
    )]
    NoScheme,
}

impl PoolDriver {
    /// The driver whose settings suit a database URL, by its scheme and host.
    ///
    /// A path, `sqlite:` and `file:` are [`Sqlite`](Self::Sqlite); `postgres://`,
    /// `postgresql://` and libpq's `key=value` form are [`Postgres`](Self::Postgres), or
    /// where the host says so [`Neon`](Self::Neon) (`…-pooler.….neon.tech`) or
    /// [`Hyperdrive`](Self::Hyperdrive) (`….hyperdrive.local`). What no URL tells, such as
    /// PgBouncer or PGlite, [`doctor::postgres`](crate::doctor) finds by asking.
    ///
    /// # Errors
    ///
    /// Another scheme; the text lists those that are known.
    ///
    /// # Example
    ///
    /// ```
    /// use covara_diesel::pool::PoolDriver;
    ///
    /// let driver = PoolDriver::from_url("postgres://ada:secret@localhost/app");
    /// assert_eq!(driver, Ok(PoolDriver::Postgres));
    /// assert_eq!(PoolDriver::from_url("app.db"), Ok(PoolDriver::Sqlite));
    /// assert!(PoolDriver::from_url("mysql://localhost/app").is_err());
    /// ```
    pub fn from_url(url: &str) -> Result<Self, UnknownUrl> {
        if url.is_empty() {
            return Err(UnknownUrl::Empty);
        }
        if let Some((keyword, _)) = url.split_once('=')
            && LIBPQ_KEYWORDS.contains(&keyword.trim())
        {
            return Ok(of_host(host_of_pairs(url)));
        }
        let Some((scheme, rest)) = url.split_once(':').filter(|(scheme, _)| is_scheme(scheme))
        else {
            return path(url);
        };
        match scheme {
            "sqlite" => path(rest.strip_prefix("//").unwrap_or(rest)),
            "file" => Ok(Self::Sqlite),
            "postgres" | "postgresql" => match rest.strip_prefix("//") {
                Some(rest) => Ok(of_host(host(rest))),
                None => Err(UnknownUrl::NoScheme),
            },
            _ => Err(UnknownUrl::Scheme {
                scheme: scheme.to_owned(),
            }),
        }
    }
}

/// A password may stand in what is no path: `ada:secret@host/app`.
fn path(url: &str) -> Result<PoolDriver, UnknownUrl> {
    let rooted = url.starts_with(['/', '.']) && !url.starts_with("//");
    if rooted || !(url.contains(':') && url.contains('@')) {
        Ok(PoolDriver::Sqlite)
    } else {
        Err(UnknownUrl::NoScheme)
    }
}

/// One letter is a drive of Windows.
fn is_scheme(text: &str) -> bool {
    text.len() > 1
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-._".contains(c))
}

/// The host in what follows the scheme's `//`, with its port.
fn host(rest: &str) -> &str {
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    authority.rsplit('@').next().unwrap_or(authority)
}

fn host_of_pairs(pairs: &str) -> &str {
    let mut words = pairs.split_ascii_whitespace();
    words
        .find_map(|word| word.strip_prefix("host="))
        .unwrap_or_default()
        .trim_matches('\'')
}

fn of_host(host: &str) -> PoolDriver {
    let name = host.split(':').next().unwrap_or(host);
    let first = name.split('.').next().unwrap_or(name);
    if name.ends_with(".neon.tech") && first.ends_with("-pooler") {
        PoolDriver::Neon
    } else if name.ends_with(".hyperdrive.local") {
        PoolDriver::Hyperdrive
    } else {
        PoolDriver::Postgres
    }
}
