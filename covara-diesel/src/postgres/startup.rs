//! The time-outs sent to the server and the system when a connection is opened.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::pool::with_parameter;
use crate::pool::connection_string::{Url, parameter};
use crate::pool::{PoolConfig, parameter_or_env};

/// Seconds between keepalives, and the number of unanswered ones after which the connection has
/// failed.
const KEEPALIVES: [(&str, &str); 2] = [("keepalives_interval", "10"), ("keepalives_count", "3")];
/// Largest number of seconds that Linux accepts (`MAX_TCP_KEEPIDLE`).
const LONGEST_KEEPALIVE: u64 = 32_767;
/// Maximum number of milliseconds that a pool adds to its TCP time-out, to mark its sockets.
const MARKS: u32 = 997;

/// The parameters that a pool adds to its connection string.
#[derive(Debug)]
pub(super) struct Startup {
    parameters: Vec<(&'static str, String)>,
    /// In milliseconds, as the socket will have it; `None` if the URL's value is not understood.
    tcp_user_timeout: Option<u32>,
    /// Settings for the server, in the form `-c name=value`.
    options: String,
    /// `true` if the URL or the environment names a service, which then provides the parameters.
    is_service: bool,
}

impl Startup {
    /// Determines the parameters for the system.
    pub(super) fn new(url: &str, config: &PoolConfig) -> Self {
        let is_service = parameter_or_env(url, "service", "PGSERVICE").is_some();
        let mut new = Self {
            parameters: Vec::new(),
            tcp_user_timeout: None,
            options: String::new(),
            is_service,
        };
        if is_service {
            return new;
        }
        new.tcp_user_timeout = match (parameter(url, "tcp_user_timeout"), config.tcp_user_timeout) {
            (Some(given), _) => given.trim().parse().ok(),
            (None, None) => Some(0),
            (None, Some(time)) => {
                static NEXT: AtomicU32 = AtomicU32::new(0);
                let mark = NEXT.fetch_add(1, Ordering::Relaxed) % MARKS;
                let time = milliseconds(time, i32::MAX.unsigned_abs() - MARKS) + mark;
                new.parameters.push(("tcp_user_timeout", time.to_string()));
                Some(time)
            }
        };
        let given = [
            "keepalives",
            "keepalives_idle",
            "keepalives_interval",
            "keepalives_count",
        ]
        .iter()
        .any(|name| parameter(url, name).is_some());
        if let Some(time) = config.keepalive.filter(|_| !given) {
            let seconds = time.as_secs().clamp(1, LONGEST_KEEPALIVE);
            new.parameters
                .push(("keepalives_idle", seconds.to_string()));
            let others = KEEPALIVES.map(|(name, value)| (name, value.to_owned()));
            new.parameters.extend(others);
        }
        new
    }

    /// Adds those of the pool's time-outs that are named in `unset`, separated by commas, and that
    /// nobody else has set.
    pub(super) fn tell(&mut self, unset: &str, config: &PoolConfig) {
        let times = [
            ("statement_timeout", config.statement_timeout),
            ("lock_timeout", config.lock_timeout),
            (
                "idle_in_transaction_session_timeout",
                config.idle_in_transaction_timeout,
            ),
        ];
        let settings = times.into_iter().filter_map(|(name, time)| {
            let time = time.filter(|_| unset.split(',').any(|unset| unset == name))?;
            let time = milliseconds(time, i32::MAX.unsigned_abs());
            Some(format!("-c {name}={time}"))
        });
        if !self.is_service {
            self.options = settings.collect::<Vec<_>>().join(" ");
        }
    }

    /// Removes all settings for the server, because a pooler in between would reject them.
    pub(super) fn tell_nothing(&mut self) {
        self.options.clear();
    }

    /// Returns whether there are settings for the server.
    pub(super) fn has_options(&self) -> bool {
        !self.options.is_empty()
    }

    /// Returns the time-out of the connections' sockets in milliseconds, 0 for the system's
    /// default.
    pub(super) fn tcp_user_timeout(&self) -> Option<u32> {
        self.tcp_user_timeout
    }

    /// Returns the connection string with all parameters. The user's options follow, and take
    /// precedence.
    pub(super) fn url(&self, given: &str) -> String {
        let mut url = given.to_owned();
        for (name, value) in &self.parameters {
            url = with_parameter(&url, name, value);
        }
        if self.options.is_empty() {
            return url;
        }
        let value = if Url::of_postgres(given).is_some() {
            let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
            let users = match parameter(given, "options") {
                Some(encoded) => encoded,
                None => environment().map_or(Cow::Borrowed(""), |text| encode(&text).into()),
            };
            format!("{}%20{users}", encode(&self.options))
        } else {
            let users = parameter_or_env(given, "options", "PGOPTIONS").unwrap_or_default();
            let users = users.replace('\\', "\\\\").replace('\'', "\\'");
            format!("'{} {users}'", self.options)
        };
        with_parameter(&url, "options", &value)
    }
}

/// Returns the options that libpq uses if the connection string has none.
fn environment() -> Option<String> {
    std::env::var("PGOPTIONS").ok()
}

/// Converts to milliseconds, at least 1, because 0 has another meaning.
fn milliseconds(time: Duration, most: u32) -> u32 {
    u32::try_from(time.as_millis())
        .unwrap_or(u32::MAX)
        .clamp(1, most)
}
