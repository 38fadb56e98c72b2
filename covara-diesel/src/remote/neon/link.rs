//! Sends statements and reads answers.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::result::{ConnectionResult, DatabaseErrorKind, Error, QueryResult};

use super::answer::Answer;
use super::api::{BatchReply, Request, ServerError, Statement, StatementResult};
use super::options::NeonBatchOptions;
use super::session::Session;
use super::sql::Facts;
use super::url::NeonUrl;
use super::value::{Catalogue, LOOK_UP};
use crate::remote::error::{malformed, not_of_protocol};
use crate::remote::http::{Http, Repeat, TokenSource};

/// The way to a database, and what is known of its types.
pub(super) struct Link {
    http: Http,
    endpoint: String,
    connection_string: String,
    pub(super) types: Arc<Catalogue>,
    /// Statements that precede each other one, which may only read then.
    settings: Vec<Statement>,
    session: Session,
}

/// The answer to a statement.
struct Sent {
    body: String,
    /// `true` if it has results of other statements before.
    in_batch: bool,
}

/// Shows nothing: it holds a password or a token.
impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}

impl Link {
    pub(super) fn open(url: &str, tokens: Option<TokenSource>) -> ConnectionResult<Self> {
        let target = NeonUrl::of(url, tokens.is_some())?;
        let mut http = Http::new(&target.authority, target.options, target.token.as_deref())?;
        http.hide(target.secrets);
        if let Some(tokens) = tokens {
            http.ask_for_tokens(tokens);
        }
        Ok(Self {
            http,
            endpoint: target.endpoint,
            connection_string: target.connection_string,
            types: Arc::default(),
            settings: Vec::new(),
            session: Session::default(),
        })
    }

    /// Sets the statements that precede each other one, which may only read then.
    pub(super) fn set(&mut self, settings: Vec<Statement>) {
        self.settings = settings;
    }

    /// Asks a function for the token of each request, in the place of another token.
    pub(super) fn ask_for_tokens(&mut self, tokens: TokenSource) {
        self.http.ask_for_tokens(tokens);
    }

    pub(super) fn limit(&mut self, limit: Option<Duration>) {
        self.http.limit(limit);
    }

    /// Runs a statement, and returns its rows, whose types may have to be looked up.
    pub(super) fn query(&mut self, statement: &Statement, facts: Facts) -> QueryResult<Answer> {
        let sent = self.send_one(statement, facts)?;
        let answer = Answer::of(sent.body, sent.in_batch)?;
        self.look_up(&answer.oids())?;
        Ok(answer.read_with(&self.types))
    }

    /// Runs a statement, and returns the number of rows it changed.
    pub(super) fn execute(&mut self, statement: &Statement, facts: Facts) -> QueryResult<usize> {
        let sent = self.send_one(statement, facts)?;
        let result = StatementResult::of(&sent.body, sent.in_batch)?;
        Ok(result.row_count.unwrap_or_default())
    }

    /// Sends a statement, after those that set what it depends on if there are any. One that only
    /// reads is sent again, in a transaction that forbids writing: what it calls may write.
    fn send_one(&mut self, statement: &Statement, facts: Facts) -> QueryResult<Sent> {
        let deadline = self.http.deadline();
        let must_read = !self.settings.is_empty();
        match self.try_one(statement, facts, must_read, deadline) {
            Err(lost) if facts.only_reads && !must_read && is_lost(&lost) => {
                match self.try_one(statement, facts, true, deadline) {
                    Err(error) if is_of_reading(&error) => Err(lost),
                    again => again,
                }
            }
            sent => sent,
        }
    }

    /// Sends a statement. If it `must_read`, writing is an error, and it is sent again if its answer is
    /// lost.
    fn try_one(
        &mut self,
        statement: &Statement,
        facts: Facts,
        must_read: bool,
        deadline: Instant,
    ) -> QueryResult<Sent> {
        let first = match facts.only_reads {
            true => Repeat::Otherwise,
            false => Repeat::Never,
        };
        let guard = self.session.guard();
        let guard = guard.filter(|_| facts.has_rows || must_read);
        let is_guarded = guard.is_some();
        let settings = std::mem::take(&mut self.settings);
        let queries = settings.iter().chain([statement]).map(Cow::Borrowed);
        let queries: Vec<_> = guard.into_iter().chain(queries).collect();
        let body = match (&queries[..], must_read) {
            ([_], false) => self.send(&Request::One(statement), &[], first, deadline),
            (queries, false) => self.send(&Request::Batch { queries }, &[], first, deadline),
            (queries, true) => {
                let headers = NeonBatchOptions::new().read_only(true).headers();
                self.send(
                    &Request::Batch { queries },
                    &headers,
                    Repeat::Always,
                    deadline,
                )
            }
        };
        let in_batch = must_read || queries.len() > 1;
        drop(queries);
        self.settings = settings;
        let body = body?;
        if is_guarded {
            let reply = BatchReply::of(&body)?;
            let first = reply.results.first();
            self.session
                .learn(first.ok_or_else(|| malformed("no result for the settings"))?)?;
        }
        Ok(Sent { body, in_batch })
    }

    /// Runs statements in one transaction, and returns how many rows each changed.
    pub(super) fn batch(
        &mut self,
        mut queries: Vec<Cow<'_, Statement>>,
        options: NeonBatchOptions,
        repeatable: bool,
    ) -> QueryResult<Vec<usize>> {
        if queries.is_empty() {
            return Ok(Vec::new());
        }
        // Settings of the transaction precede whatever reads. After a statement that reads, one that
        // must not write cannot be made one that may.
        let is_first = |query: &&Cow<'_, Statement>| {
            !options.only_reads() && Facts::of(&query.query).sets_transaction
        };
        let at = queries.iter().take_while(is_first).count();
        let guard = match options.only_reads() {
            true => Some(Session::guarding()),
            false => self.session.guard(),
        };
        let is_guarded = guard.is_some();
        queries.splice(at..at, guard);
        let headers = options.headers();
        let repeat = Repeat::always_if(repeatable);
        let queries = queries.as_slice();
        let deadline = self.http.deadline();
        let body = self.send(&Request::Batch { queries }, &headers, repeat, deadline)?;
        let mut results = BatchReply::of(&body)?.results;
        if results.len() != queries.len() {
            return Err(malformed("not one result for each statement"));
        }
        if is_guarded {
            let result = results.remove(at);
            self.session.learn(&result)?;
        }
        let counts = results
            .iter()
            .map(|result| result.row_count.unwrap_or_default());
        Ok(counts.collect())
    }

    /// Sends a request, and returns the text of its answer.
    fn send(
        &mut self,
        request: &Request<'_>,
        further: &[(&str, &str)],
        repeat: Repeat,
        deadline: Instant,
    ) -> QueryResult<String> {
        let body =
            serde_json::to_vec(request).map_err(|error| Error::SerializationError(error.into()))?;
        self.http.renew_token()?;
        let mut headers = vec![
            ("neon-connection-string", self.connection_string.as_str()),
            ("neon-raw-text-output", "true"),
            ("neon-array-mode", "true"),
        ];
        headers.extend(further);
        let answer = self
            .http
            .post(&self.endpoint, &headers, &body, repeat, deadline)?;
        if answer.status == 200 {
            return Ok(answer.body);
        }
        match serde_json::from_str::<ServerError>(&answer.body) {
            Ok(error) => {
                if error.is_of_a_name() {
                    // Perhaps it is a type that was renamed.
                    self.types.doubt();
                }
                Err(error.into_error(answer.status, &self.http))
            }
            Err(_) => Err(self.http.refusal(answer.status, None)),
        }
    }

    /// Looks up the types that are not known, and those that they are made of.
    pub(super) fn look_up(&mut self, oids: &[u32]) -> QueryResult<()> {
        if self.types.is_stale() {
            self.types = Arc::default();
        }
        let mut asked = Vec::new();
        loop {
            let missing = oids.iter().flat_map(|oid| self.types.missing(*oid));
            let missing: Vec<u32> = missing.collect();
            if missing.is_empty() {
                return Ok(());
            }
            let types = Arc::make_mut(&mut self.types);
            // What was asked for without an answer is no type any more.
            for oid in missing.iter().filter(|oid| asked.contains(*oid)) {
                types.give_up(*oid);
            }
            let missing: Vec<u32> = missing
                .into_iter()
                .filter(|oid| !asked.contains(oid))
                .collect();
            if !missing.is_empty() {
                self.ask_for(missing, &mut asked)?;
            }
        }
    }

    /// Asks the database for types, and for the base types of domains among them.
    fn ask_for(&mut self, mut missing: Vec<u32>, asked: &mut Vec<u32>) -> QueryResult<()> {
        let mut domains = Vec::new();
        while !missing.is_empty() {
            asked.extend(&missing);
            let list: Vec<String> = missing.iter().map(u32::to_string).collect();
            let list = format!("{{{}}}", list.join(","));
            let statement = Statement::new(LOOK_UP, vec![Some(list)]);
            let deadline = self.http.deadline();
            let body = self.send(&Request::One(&statement), &[], Repeat::Always, deadline)?;
            let result = StatementResult::of(&body, false)?;
            let rows: Vec<Vec<Option<String>>> =
                serde_json::from_str(result.rows.get()).map_err(|error| not_of_protocol(&error))?;
            missing.clear();
            let types = Arc::make_mut(&mut self.types);
            for row in rows {
                let added = types.add(&row);
                if added.ok_or_else(|| malformed("a type has no description"))? {
                    continue;
                }
                let base = row.last().and_then(|base| base.as_deref()?.parse().ok());
                missing.extend(base.filter(|base| !asked.contains(base)));
                domains.push(row);
            }
        }
        let types = Arc::make_mut(&mut self.types);
        // The base of the last one was found last.
        for row in domains.iter().rev() {
            types.add(row);
        }
        Ok(())
    }
}

/// Returns whether the answer was lost.
fn is_lost(error: &Error) -> bool {
    matches!(
        error,
        Error::DatabaseError(DatabaseErrorKind::ClosedConnection, _)
    )
}

/// Returns whether a statement was rejected because it writes.
fn is_of_reading(error: &Error) -> bool {
    matches!(
        error,
        Error::DatabaseError(DatabaseErrorKind::ReadOnlyTransaction, _)
    )
}
