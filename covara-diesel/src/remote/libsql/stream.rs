//! Streams of a libSQL server: requests on them and their answers.

use std::time::{Duration, Instant};

use diesel::result::{ConnectionResult, Error, QueryResult};

use super::hrana::{Pipeline, PipelineReply, Request, ServerError, baton};
use super::transaction::{Over, TRANSACTION_LOST};
use super::url::LibsqlUrl;
use crate::remote::error::{malformed, not_of_protocol, not_sent};
use crate::remote::http::{Http, Repeat, TokenSource};
use crate::remote::sql::statement_error;
use crate::remote::url::{HttpOptions, Parts, check_encrypted, host};
use crate::remote::value::AnswerCell;

pub(super) struct Client {
    http: Http,
    base: String,
    options: HttpOptions,
    /// Other hosts that a server may send a transaction to.
    base_hosts: Vec<String>,
    stream: Option<Stream>,
}

/// An open stream, which the server identifies by the baton of its last answer.
struct Stream {
    baton: String,
    /// The URL at which the server wants to continue the stream.
    base: Option<String>,
}

/// A failed exchange.
struct Broken {
    error: Error,
    /// The baton by which the server may identify the stream, if it is still open.
    baton: Option<String>,
}

impl Client {
    pub(super) fn new(target: LibsqlUrl) -> ConnectionResult<Self> {
        let http = Http::new(
            &target.authority,
            target.options.clone(),
            target.token.as_deref(),
        )?;
        Ok(Self {
            http,
            base: target.base,
            options: target.options,
            base_hosts: target.base_hosts,
            stream: None,
        })
    }

    pub(super) fn deadline(&self) -> Instant {
        self.http.deadline()
    }

    pub(super) fn limit(&mut self, limit: Option<Duration>) {
        self.http.limit(limit);
    }

    pub(super) fn ask_for_tokens(&mut self, tokens: TokenSource) {
        self.http.ask_for_tokens(tokens);
    }

    pub(super) fn has_stream(&self) -> bool {
        self.stream.is_some()
    }

    /// Closes the stream if one is open, which rolls its transaction back. A stream that cannot be
    /// closed ends by itself on the server.
    pub(super) fn close(&mut self) {
        if let Some(stream) = self.stream.take() {
            // If there is no new token, perhaps the last one still does.
            let _ = self.http.renew_token();
            let deadline = Instant::now() + Duration::from_secs(1);
            let _ = self.exchange(Some(&stream), &[Request::Close], false, deadline);
        }
    }

    /// Sends a pipeline on the open stream, or on a new one. A stream whose answer was lost cannot
    /// continue, so nothing on it is `repeatable`, and it is closed.
    pub(super) fn send(
        &mut self,
        requests: &[Request<'_>],
        repeatable: bool,
        deadline: Instant,
    ) -> QueryResult<PipelineAnswer> {
        self.http.renew_token()?;
        let stream = self.stream.take();
        match self.exchange(stream.as_ref(), requests, repeatable, deadline) {
            Ok((answer, next)) => {
                self.stream = next;
                Ok(answer)
            }
            Err(Broken { error, baton }) => {
                // The URL of the request; nothing is sent to a URL that was rejected.
                let base = stream.and_then(|stream| stream.base);
                self.stream = baton.map(|baton| Stream { baton, base });
                self.close();
                Err(error)
            }
        }
    }

    /// Sends a pipeline and returns the answer, with the stream for the next request.
    fn exchange(
        &self,
        stream: Option<&Stream>,
        requests: &[Request<'_>],
        repeatable: bool,
        deadline: Instant,
    ) -> Result<(PipelineAnswer, Option<Stream>), Broken> {
        let before = stream.and_then(|stream| stream.base.as_deref());
        let pipeline = Pipeline {
            baton: stream.map(|stream| stream.baton.as_str()),
            requests,
        };
        // The server identifies the stream by this baton as long as it has not seen the request.
        let unseen = |error| Broken {
            error,
            baton: stream.map(|stream| stream.baton.clone()),
        };
        let body = serde_json::to_vec(&pipeline)
            .map_err(|error| unseen(Error::SerializationError(error.into())))?;
        let url = format!("{}/v3/pipeline", before.unwrap_or(&self.base));
        let repeatable = repeatable && stream.is_none();
        let reply = self
            .http
            .post(&url, &[], &body, Repeat::always_if(repeatable), deadline)
            .map_err(|none| match baton(&none.came) {
                Some(baton) => Broken {
                    error: none.error,
                    baton,
                },
                None => unseen(none.error),
            })?;
        if reply.status != 200 {
            return Err(unseen(self.refusal(reply.status, &reply.body)));
        }
        let read = PipelineAnswer::read(&reply.body, requests.len(), &self.http)
            .and_then(|(read, next)| Ok((read, self.next(next, before)?)));
        match read {
            Ok((mut answer, next)) => {
                answer.body = reply.body;
                Ok((answer, next))
            }
            Err(error) => match baton(reply.body.as_bytes()) {
                Some(baton) => Err(Broken { error, baton }),
                None => Err(unseen(error)),
            },
        }
    }

    /// Returns the stream for the next request, at the URL `before` unless the server names
    /// another.
    fn next(&self, next: Option<Stream>, before: Option<&str>) -> QueryResult<Option<Stream>> {
        let Some(mut stream) = next else {
            return Ok(None);
        };
        if let Some(base) = &mut stream.base {
            if !self.accepts(base, before.unwrap_or(&self.base)) {
                return Err(malformed("it wants to go on at a URL that is not accepted"));
            }
            base.truncate(base.trim_end_matches('/').len());
        }
        stream.base = stream.base.or_else(|| before.map(str::to_owned));
        Ok(Some(stream))
    }

    /// Returns whether the token may be sent to the URL that the server at `before` names: the same
    /// host at any port, or a host that the connection's URL allows, and never unencrypted after
    /// encrypted.
    fn accepts(&self, base: &str, before: &str) -> bool {
        let (Ok(next), Ok(now), Ok(own)) =
            (Parts::of(base), Parts::of(before), Parts::of(&self.base))
        else {
            return false;
        };
        let is_plain = ["https", "http"].contains(&next.scheme)
            && next.parameters.is_empty()
            && !base.contains(['?', '#']);
        let stays_encrypted =
            next.scheme == "https" || (now.scheme == "http" && own.scheme == "http");
        let is_allowed = match host(next.authority) {
            None => false,
            Some(next) => {
                let is_next = |other: &str| other.eq_ignore_ascii_case(next);
                host(own.authority).is_some_and(is_next)
                    || self.base_hosts.iter().any(|other| is_next(other))
            }
        };
        let is_encrypted = check_encrypted(next.scheme, next.authority, &self.options).is_ok();
        is_plain && stays_encrypted && is_allowed && is_encrypted
    }

    fn refusal(&self, status: u16, body: &str) -> Error {
        let error = serde_json::from_str::<ServerError>(body).ok();
        match error {
            Some(error) if is_of_stream(error.code.as_deref()) => Over::Lost.error(),
            Some(error) => self.http.refusal(status, Some(&error.message)),
            // Not JSON: a short text is the server's message, a page comes from another program.
            None => {
                let said = body.trim();
                let is_short = !said.is_empty() && said.len() < 200 && !said.starts_with('<');
                self.http.refusal(status, is_short.then_some(said))
            }
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.close();
    }
}

/// Returns whether an error says that the stream, and so its transaction, no longer exists.
fn is_of_stream(code: Option<&str>) -> bool {
    code.is_some_and(|code| {
        code.starts_with("STREAM_") || code == "TRANSACTION_TIMEOUT" || code == "TRANSACTION_BUSY"
    })
}

fn error_of(error: &ServerError, http: &Http) -> Error {
    if is_of_stream(error.code.as_deref()) {
        return Over::Lost.error();
    }
    statement_error(&http.without_token(&error.message))
}

/// The result of a statement.
pub(super) struct Ran {
    pub(super) rows: (Vec<String>, Vec<AnswerCell>),
    pub(super) changed: usize,
}

/// The answer to a pipeline.
pub(super) struct PipelineAnswer {
    body: String,
    /// The results of the batch's statements, up to the first that did not run.
    results: Vec<Ran>,
    error: Option<Error>,
    autocommit: Option<bool>,
}

impl PipelineAnswer {
    /// Parses the answer that came by `http`. The caller adds its text.
    fn read(body: &str, requests: usize, http: &Http) -> QueryResult<(Self, Option<Stream>)> {
        let reply: PipelineReply<'_> =
            serde_json::from_str(body).map_err(|error| not_of_protocol(&error))?;
        if reply.results.len() != requests {
            return Err(malformed("not one result for each request"));
        }
        let mut results = Vec::new();
        let mut first_error = None;
        let mut autocommit = None;
        for outcome in reply.results {
            if let Some(error) = outcome.error {
                first_error.get_or_insert_with(|| error_of(&error, http));
            }
            let Some(response) = outcome.response else {
                continue;
            };
            autocommit = autocommit.or(response.is_autocommit);
            let Some(batch) = response.result else {
                continue;
            };
            if batch.step_errors.len() != batch.step_results.len() {
                return Err(malformed("not one result for each step"));
            }
            if let Some(error) = batch.step_errors.iter().flatten().next() {
                first_error.get_or_insert_with(|| error_of(error, http));
            }
            for result in batch.step_results {
                let Some(result) = result else { break };
                let changed = usize::try_from(result.affected_row_count).unwrap_or(usize::MAX);
                results.push(Ran {
                    rows: result.parts(body)?,
                    changed,
                });
            }
        }
        let stream = reply.baton.map(|baton| Stream {
            baton: baton.into_owned(),
            base: reply.base_url.map(Into::into),
        });
        let answer = Self {
            results,
            error: first_error,
            autocommit,
            body: String::new(),
        };
        Ok((answer, stream))
    }

    /// Returns the answer if it has results of `count` statements.
    pub(super) fn all_ran(self, count: usize) -> QueryResult<Self> {
        match self.error {
            Some(error) => Err(error),
            None if self.results.len() == count => Ok(self),
            // A statement is skipped only outside of the transaction it belongs to.
            None => Err(not_sent(TRANSACTION_LOST.to_owned())),
        }
    }

    pub(super) fn first_error(&self) -> Option<Error> {
        match self.error.as_ref()? {
            Error::DatabaseError(kind, information) => Some(Error::DatabaseError(
                *kind,
                Box::new(information.message().to_owned()),
            )),
            _ => None,
        }
    }

    /// Returns the number of statements that ran.
    pub(super) fn ran(&self) -> usize {
        self.results.len()
    }

    pub(super) fn is_autocommit(&self) -> QueryResult<bool> {
        self.autocommit
            .ok_or_else(|| malformed("it does not say whether a transaction is open"))
    }

    /// Returns the results and the text that they refer to.
    pub(super) fn into_results(self) -> (String, Vec<Ran>) {
        (self.body, self.results)
    }
}
