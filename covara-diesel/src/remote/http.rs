//! Requests over HTTP, with time-outs, and retries if they do no harm.

use std::error::Error as StdError;
use std::io::{self, Read as _};
use std::mem;
use std::thread;
use std::time::{Duration, Instant};

use diesel::result::{ConnectionResult, Error, QueryResult};
use ureq::tls::{Certificate, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Timeout};

use super::connector::Watched;
use super::error::{bad_url, lost, malformed, not_sent};
use super::resolver::Remembering;
use super::url::{HttpOptions, is_loopback};

/// The first pause before another try. Each pause is up to twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest time without a request after which a connection is used again for what may be sent
/// twice. Node and workerd close connections after 5 s (Node's `server.keepAliveTimeout`,
/// `pipelineTimeout` of kj's `HttpServerSettings`).
const LONGEST_IDLE: Duration = Duration::from_secs(4);
/// The same for a write, which is lost if the server closes the connection at that moment. A server
/// with one thread may be busy for seconds with other clients, and on its return it closes what was
/// idle for 5 s before it reads.
const LONGEST_IDLE_OF_WRITES: Duration = Duration::from_secs(1);
/// Size in bytes from which a write takes a new connection, as opening one costs little beside it.
const LARGE: usize = 1 << 16;
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Maximum number of tries of a request that the server did not accept, including the first.
const TRIES: u32 = 5;

/// What errors say of a request that the server may have carried out.
const MAY_BE_DONE: &str = "and may or may not have done what it was asked for";

/// Whether a request that may have been carried out is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    Never,
    /// By the caller, in another form.
    #[cfg_attr(
        not(feature = "neon"),
        expect(dead_code, reason = "only Neon's requests have another form")
    )]
    Otherwise,
    Always,
}

impl Repeat {
    pub(super) fn always_if(repeatable: bool) -> Self {
        if repeatable {
            Self::Always
        } else {
            Self::Never
        }
    }
}

/// An answer with any status.
pub(super) struct HttpReply {
    pub(super) status: u16,
    pub(super) body: String,
}

/// The error if there is no usable answer.
pub(super) struct NoReply {
    pub(super) error: Error,
    /// The part of an answer that arrived, if any.
    #[cfg_attr(
        not(feature = "libsql"),
        expect(dead_code, reason = "only a stream goes on after a broken answer")
    )]
    pub(super) came: Vec<u8>,
}

impl From<NoReply> for Error {
    fn from(none: NoReply) -> Self {
        none.error
    }
}

/// The reason why there is no answer.
enum PostFailure {
    /// The request did not reach the server.
    NotSent(String),
    /// The request did not reach the server, and another try would end the same way.
    Never(String),
    /// The server may have carried out the request.
    Lost(String),
    /// The server has carried out the request, but its answer cannot be read.
    Unreadable(String),
}

/// A function that returns the token for the next request.
pub(super) type TokenSource =
    Box<dyn FnMut() -> Result<String, Box<dyn StdError + Send + Sync>> + Send>;

/// The HTTP client for all requests of a connection, which keeps the connection to the server open.
pub(super) struct Http {
    agent: Agent,
    addresses: Remembering,
    connections: Watched,
    authority: String,
    options: HttpOptions,
    authorization: Option<String>,
    /// The function that is asked for a token before each request, if there is one.
    tokens: Option<TokenSource>,
    /// Texts that are not repeated in messages, like the token.
    secrets: Vec<String>,
    /// The time that a statement may take, if less than in the options.
    limit: Option<Duration>,
}

impl Http {
    /// Creates a client for the server at `authority`; sends nothing.
    pub(super) fn new(
        authority: &str,
        options: HttpOptions,
        token: Option<&str>,
    ) -> ConnectionResult<Self> {
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            // A redirect would send token and statements elsewhere.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(options.connect_timeout))
            .user_agent(concat!("covara-diesel/", env!("CARGO_PKG_VERSION")))
            .no_delay(true);
        if is_loopback(authority) {
            config = config.proxy(None);
        }
        if let Some(path) = &options.root_certificates {
            config =
                config.tls_config(TlsConfig::builder().root_certs(certificates(path)?).build());
        }
        if token.is_some_and(|token| !is_token(token)) {
            return Err(bad_url(NO_TOKEN));
        }
        let connections = Watched::default();
        let addresses = Remembering::new(connections.clone());
        Ok(Self {
            agent: Agent::with_parts(config.build(), connections.clone(), addresses.clone()),
            addresses,
            connections,
            authority: authority.to_owned(),
            authorization: token.map(bearer),
            tokens: None,
            secrets: Vec::new(),
            options,
            limit: None,
        })
    }

    /// Keeps texts out of messages, as the token is.
    #[cfg(feature = "neon")]
    pub(super) fn hide(&mut self, secrets: Vec<String>) {
        self.secrets = secrets;
    }

    /// Sets the function that is asked for a token before each request, in the place of another token.
    pub(super) fn ask_for_tokens(&mut self, tokens: TokenSource) {
        self.tokens = Some(tokens);
    }

    /// Asks for the token of the next request, if there is somebody to ask.
    pub(super) fn renew_token(&mut self) -> QueryResult<()> {
        if let Some(tokens) = &mut self.tokens {
            let token = tokens().map_err(|error| not_sent(format!("no token: {error}")))?;
            if !is_token(&token) {
                return Err(not_sent(NO_TOKEN.to_owned()));
            }
            self.authorization = Some(bearer(&token));
        }
        Ok(())
    }

    /// Limits statements to less time than the options do, until changed again.
    pub(super) fn limit(&mut self, limit: Option<Duration>) {
        self.limit = limit;
    }

    /// Returns the time by which a statement that begins now must be done.
    pub(super) fn deadline(&self) -> Instant {
        // A deadline that overflows is replaced with one that is far away.
        let now = Instant::now();
        let timeout = self.options.statement_timeout;
        now.checked_add(self.limit.map_or(timeout, |limit| limit.min(timeout)))
            .unwrap_or_else(|| now + Duration::from_secs(10 * 365 * 24 * 60 * 60))
    }

    /// Sends JSON, with further headers, until there is an answer. A request that may have been carried out is sent again
    /// only if `repeat` says so.
    pub(super) fn post(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        repeat: Repeat,
        deadline: Instant,
    ) -> Result<HttpReply, NoReply> {
        let repeatable = repeat == Repeat::Always;
        let mut pause = FIRST_PAUSE;
        let mut tries = 0;
        let mut came = Vec::new();
        let outcome = |tried, came| self.outcome(tried).map_err(|error| NoReply { error, came });
        loop {
            tries += 1;
            let tried = self.try_post(url, headers, body, repeat, deadline, &mut came);
            let last = tries == TRIES;
            let pause_now = pause.mul_f64(0.5 + 0.5 * some_fraction());
            let after = match &tried {
                // The request was not carried out, and the server says when to try again.
                Ok((HttpReply { status: 429, .. }, after)) if !last => after.unwrap_or(pause_now),
                Ok((reply, after)) if !last && repeatable && is_passing(reply.status) => {
                    after.unwrap_or(pause_now)
                }
                Err(PostFailure::NotSent(_)) if !last => {
                    self.addresses.forget();
                    pause_now
                }
                Err(PostFailure::Lost(_)) if !last && repeatable => pause_now,
                _ => return outcome(tried, came),
            };
            if after >= deadline.saturating_duration_since(Instant::now()) {
                return outcome(tried, came);
            }
            thread::sleep(after);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn outcome(
        &self,
        tried: Result<(HttpReply, Option<Duration>), PostFailure>,
    ) -> QueryResult<HttpReply> {
        let authority = &self.authority;
        match tried {
            Ok((reply, _)) => Ok(reply),
            Err(PostFailure::NotSent(reason) | PostFailure::Never(reason)) => {
                Err(not_sent(format!("{authority} cannot be reached: {reason}")))
            }
            Err(PostFailure::Lost(reason)) => Err(lost(format!(
                "{authority} gave no answer, {MAY_BE_DONE}: {reason}"
            ))),
            Err(PostFailure::Unreadable(reason)) => Err(malformed(&reason)),
        }
    }

    /// Sends JSON once. `came` receives the part of an unusable answer that arrived.
    fn try_post(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        repeat: Repeat,
        deadline: Instant,
        came: &mut Vec<u8>,
    ) -> Result<(HttpReply, Option<Duration>), PostFailure> {
        came.clear();
        let left = deadline.saturating_duration_since(Instant::now());
        let limit = self.options.request_timeout.min(left);
        self.connections.reset();
        let mut request = self
            .agent
            .post(url)
            .header("content-type", "application/json")
            .header("accept", "application/json");
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request
            .config()
            .max_idle_age(longest_idle(repeat != Repeat::Never, body))
            .timeout_global(Some(limit.max(Duration::from_millis(1))))
            .build()
            .send(body);
        let mut answer = answer.map_err(|error| self.failure(error, limit))?;
        let status = answer.status().as_u16();
        let after = answer
            .headers()
            .get("retry-after")
            .and_then(|value| retry_after(value.to_str().ok()?));
        answer
            .body_mut()
            .with_config()
            .limit(self.options.most_bytes)
            .reader()
            .read_to_end(came)
            .map_err(|error| self.failure(error.into(), limit))?;
        let body = match String::from_utf8(mem::take(came)) {
            Ok(body) => body,
            // An error page may have any encoding.
            Err(error) if status >= 300 => String::from_utf8_lossy(error.as_bytes()).into_owned(),
            Err(error) => {
                *came = error.into_bytes();
                return Err(PostFailure::Unreadable("it is not UTF-8".to_owned()));
            }
        };
        Ok((HttpReply { status, body }, after))
    }

    /// Describes an error without the client's own message, which may contain the URL. `limit` is
    /// how long the request was allowed to take.
    fn failure(&self, error: ureq::Error, limit: Duration) -> PostFailure {
        use ureq::Error as Cause;
        let within = |duration: Duration| {
            let digits = format!("{:.3}", duration.as_secs_f64());
            format!(
                "within {} s",
                digits.trim_end_matches('0').trim_end_matches('.')
            )
        };
        let is_connecting = self.connections.is_connecting();
        match error {
            Cause::HostNotFound => PostFailure::NotSent("there is no such host".to_owned()),
            Cause::ConnectionFailed => PostFailure::NotSent("no connection".to_owned()),
            Cause::Timeout(Timeout::Resolve | Timeout::Connect) => PostFailure::NotSent(format!(
                "no connection {}",
                within(self.options.connect_timeout.min(limit))
            )),
            Cause::Timeout(_) if is_connecting => {
                PostFailure::NotSent(format!("no connection {}", within(limit)))
            }
            Cause::Timeout(_) => PostFailure::Lost(format!("none {}", within(limit))),
            // A certificate that was rejected, or a server without encryption. Once the connection
            // is open, the request is on its way, and only the answer cannot be decoded.
            Cause::Io(error) if is_connecting && is_of_tls(&error) => {
                PostFailure::Never(error.to_string())
            }
            Cause::Tls(reason) if is_connecting => PostFailure::Never(reason.to_owned()),
            Cause::Rustls(error) if is_connecting => PostFailure::Never(error.to_string()),
            Cause::Io(error) if is_connecting => PostFailure::NotSent(error.to_string()),
            // For example, an error of a proxy.
            _ if is_connecting => PostFailure::NotSent("no connection".to_owned()),
            Cause::Io(error) => PostFailure::Lost(error.to_string()),
            Cause::Tls(reason) => PostFailure::Lost(reason.to_owned()),
            Cause::Rustls(error) => PostFailure::Lost(error.to_string()),
            Cause::Protocol(_) => PostFailure::Lost("the answer is not HTTP".to_owned()),
            Cause::BodyExceedsLimit(_) => PostFailure::Unreadable(format!(
                "it is larger than {} bytes; ask for less at once, or raise \
                 max_response_bytes",
                self.options.most_bytes
            )),
            Cause::BadUri(_) | Cause::Http(_) | Cause::InvalidProxyUrl => {
                PostFailure::Never("the URL cannot be used".to_owned())
            }
            _ => PostFailure::Lost("the request failed".to_owned()),
        }
    }

    /// Returns the error for an HTTP status. `said` is the server's message.
    pub(super) fn refusal(&self, status: u16, said: Option<&str>) -> Error {
        let authority = &self.authority;
        let reason = match status {
            300..=399 => "redirects, which are not followed: correct the URL".to_owned(),
            401 => "refused the token".to_owned(),
            403 => "does not allow this token to do that".to_owned(),
            404 => "knows no such database".to_owned(),
            413 => "takes no request of this size: send less at once".to_owned(),
            429 => "takes no more requests for now".to_owned(),
            507 => format!("gives no answer of this size, {MAY_BE_DONE}: ask for less at once"),
            200..=299 => format!("gave no result, {MAY_BE_DONE}"),
            408 | 500..=599 => format!("failed, {MAY_BE_DONE}"),
            _ => "refused the request".to_owned(),
        };
        let said = said.map_or(String::new(), |said| {
            format!(": {}", self.without_token(said))
        });
        let message = format!("{authority} {reason} (HTTP {status}){said}");
        match status {
            200..=299 | 408 | 500..=599 => lost(message),
            _ => not_sent(message),
        }
    }

    /// Returns a server's message, with the token removed if the server repeated it.
    pub(super) fn without_token(&self, said: &str) -> String {
        let token = self.authorization.as_deref();
        let token = token.and_then(|value| value.strip_prefix(BEARER));
        let secrets = self.secrets.iter().map(String::as_str).chain(token);
        let secrets = secrets.filter(|one| !one.is_empty());
        secrets.fold(said.to_owned(), |said, secret| said.replace(secret, "…"))
    }
}

const BEARER: &str = "Bearer ";
const NO_TOKEN: &str = "the token holds characters that no header can";

fn bearer(token: &str) -> String {
    format!("{BEARER}{token}")
}

fn is_token(token: &str) -> bool {
    token.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Returns the pause in a header `Retry-After`, if that is a number of seconds and not a date.
pub(super) fn retry_after(value: &str) -> Option<Duration> {
    let digits = value.trim();
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits
        .parse()
        .ok()
        .filter(|_| is_number)
        .map(Duration::from_secs)
}

/// Returns how long a connection for the request may have been idle.
fn longest_idle(repeatable: bool, body: &[u8]) -> Duration {
    match repeatable {
        true => LONGEST_IDLE,
        false if body.len() < LARGE => LONGEST_IDLE_OF_WRITES,
        false => Duration::ZERO,
    }
}

/// Returns whether a status may be temporary, as of gateways without a server behind them.
fn is_passing(status: u16) -> bool {
    matches!(status, 500 | 502 | 503 | 504)
}

fn is_of_tls(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidData
}

/// Returns a fraction that spreads the tries of many clients. Its quality hardly matters.
fn some_fraction() -> f64 {
    f64::from(getrandom::u32().unwrap_or_default()) / f64::from(u32::MAX)
}

fn certificates(path: &std::path::Path) -> ConnectionResult<RootCerts> {
    let pem = std::fs::read(path)
        .map_err(|error| bad_url(format!("sslrootcert cannot be read: {error}")))?;
    let found: Vec<Certificate<'static>> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(ureq::tls::PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if found.is_empty() {
        return Err(bad_url("sslrootcert holds no certificate"));
    }
    Ok(RootCerts::from(found))
}
