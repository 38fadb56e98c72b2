//! Cloudflare D1 over its REST API.

mod api;
mod check;
pub(crate) mod pool;
mod url;

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use diesel::result::{ConnectionResult, Error, QueryResult};

use super::bridge::{Driver, RemoteConnection};
use super::error::{malformed, not_of_protocol, unsupported};
use super::http::{Http, Repeat, TokenSource};
use super::sql::{Done, statement_error, statements};
use super::value::{ResultRows, Statement};
use crate::backend::sealed::Sealed;
use api::{ApiReply, Query, Request, StatementResult};
use url::D1Url;

/// A connection to a Cloudflare D1 database over its REST API, on Diesel's `Sqlite` backend.
///
/// The URL is `d1://ACCOUNT/DATABASE`, the ids of both, with these parameters:
///
/// | parameter | meaning | default |
/// |---|---|---|
/// | `token` | API token with the permission *D1 Edit* | `CLOUDFLARE_API_TOKEN`, `D1_TOKEN`, none |
/// | `base_url` | the API, `http://` on this machine only | `CLOUDFLARE_API_BASE_URL`, Cloudflare's |
/// | `connect_timeout`, `request_timeout`, `statement_timeout`, `max_response_bytes`, `sslrootcert`, `allow_plain_http` | as for [`LibsqlConnection`](super::LibsqlConnection) | |
///
/// [`establish_with_tokens`](RemoteConnection::establish_with_tokens) asks a function for the token of
/// each request instead.
///
/// D1 has no transactions over its API, so [`transaction`](diesel::Connection::transaction) is an
/// error. Put statements that must succeed together into one [`batch`](RemoteConnection::batch),
/// which is sent as one request and is all or nothing. The migrations are one batch. So is a
/// [`Seed`](crate::Seed) up to 4 MiB; its summary tells how many batches a larger one took.
///
/// Each statement may have 100 bind parameters and 100 KB of SQL. A request that the API rejects
/// because of rate limits (429) is sent again when the API allows, within `statement_timeout`. A
/// request that failed on the way is sent again only if it reads. The connection cannot detect a
/// network that by itself delivers a request to the API twice: a write that no key or condition
/// protects is then done twice. Errors that leave open whether a write was carried out are those of
/// [`LibsqlConnection`](super::LibsqlConnection).
///
/// Numbers are sent as JSON, in which D1 rounds whole ones beyond 2⁵³. Reading such a number is an
/// error, unless it is read as a floating-point number. Writing one is exact. Infinite numbers
/// cannot be written, those that others wrote are read as NULL, and −0 is read as 0. D1 rejects
/// `sqlite_version()`, most PRAGMAs, temporary tables and `ATTACH`.
///
/// A large answer is decoded from its own text. It takes as much memory as it has bytes, plus the
/// values built from its rows. `wrangler d1 export` rejects a database with virtual tables, and so
/// with the FTS5 tables of a search index: delete the indexes before an export, and create and fill
/// them afterwards.
///
/// # What does not work, and what to write instead
///
/// The entries of [`LibsqlConnection`](super::LibsqlConnection), except for `aggregate_order`,
/// which works, and with a [`batch`](RemoteConnection::batch) wherever it says `transaction`; and:
///
/// | on a [`SqliteConnection`](diesel::SqliteConnection) | here | instead |
/// |---|---|---|
/// | [`transaction`](diesel::Connection::transaction), `test_transaction`, `begin_test_transaction` | an error | one [`batch`](RemoteConnection::batch) |
/// | a `Vec`, slice or array, even an empty one, of structs that derive `Insertable`, with `Option` fields or without, or of `Option`s | an error, because Diesel inserts them one by one in a transaction | `#[diesel(treat_none_as_default_value = false)]` on the struct, which makes it one statement; or a `batch` with one insert per row, as below |
/// | a script (`batch_execute`) that fails, of which a file keeps the statements before the failure | nothing of it is kept | one script for each part that is to stay |
/// | `BEGIN`, `COMMIT`, `SAVEPOINT` by hand | an error of D1 | one `batch` |
/// | Diesel's `MigrationHarness` | an error after it created its own table | `wrangler d1 migrations apply` |
///
/// ```no_run
/// # diesel::table! { users (id) { id -> BigInt, name -> Text, } }
/// # #[derive(diesel::Insertable)]
/// # #[diesel(table_name = users)]
/// # struct NewUser { name: String }
/// # fn insert(conn: &mut covara_diesel::remote::D1Connection, new: &[NewUser]) -> diesel::QueryResult<()> {
/// use diesel::query_builder::QueryFragment;
/// use diesel::sqlite::Sqlite;
///
/// // All or none of them, in one request.
/// let rows: Vec<_> = new
///     .iter()
///     .map(|row| diesel::insert_into(users::table).values(row))
///     .collect();
/// let rows: Vec<&dyn QueryFragment<Sqlite>> = rows.iter().map(|row| row as _).collect();
/// conn.batch(&rows)?;
/// # Ok(())
/// # }
/// # fn main() {}
/// ```
///
/// ```no_run
/// use covara_diesel::auto_migrate;
/// use covara_diesel::remote::D1Connection;
/// use diesel::prelude::*;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut conn = D1Connection::establish("d1://ACCOUNT/DATABASE")?;
/// auto_migrate(&mut conn)?;
/// # Ok(())
/// # }
/// ```
pub type D1Connection = RemoteConnection<D1>;

/// The protocol of Cloudflare D1.
pub struct D1 {
    http: Http,
    endpoint: String,
    /// Unused, because D1 has no locks to wait for.
    lock_wait: Duration,
}

const NO_TRANSACTIONS: &str = "D1 has no transactions over its API: send what must happen \
     together as one batch(). Diesel begins one where several structs with defaults are inserted \
     at once: give them #[diesel(treat_none_as_default_value = false)], or send each row as a \
     statement of one batch()";

impl D1 {
    /// Sends a request and passes its results to `read`, with the text that they refer to.
    fn send<R>(
        &mut self,
        request: &Request<'_>,
        repeatable: bool,
        read: impl FnOnce(Vec<StatementResult<'_>>, &str) -> QueryResult<R>,
    ) -> QueryResult<(R, String)> {
        let body =
            serde_json::to_vec(request).map_err(|error| Error::SerializationError(error.into()))?;
        self.http.renew_token()?;
        let deadline = self.http.deadline();
        let answer = self.http.post(
            &self.endpoint,
            &[],
            &body,
            Repeat::always_if(repeatable),
            deadline,
        )?;
        let reply: Result<ApiReply<'_>, _> = serde_json::from_str(&answer.body);
        let result = match reply {
            Ok(reply) if answer.status == 200 && reply.success => {
                let results = reply.result.ok_or_else(|| malformed("no result"))?;
                read(results, &answer.body)?
            }
            Ok(reply) => return Err(self.refusal(answer.status, &reply)),
            Err(error) if answer.status == 200 => return Err(not_of_protocol(&error)),
            Err(_) => return Err(self.http.refusal(answer.status, None)),
        };
        Ok((result, answer.body))
    }

    /// Returns the error of a failed request. SQL errors are recognized by their code or text; all
    /// others are the API's.
    fn refusal(&self, status: u16, reply: &ApiReply<'_>) -> Error {
        const OF_A_STATEMENT: i64 = 7500;
        match reply.errors.first() {
            Some(error) if error.code == OF_A_STATEMENT || error.message.contains("SQLITE_") => {
                statement_error(&self.http.without_token(&error.message))
            }
            Some(error) => self.http.refusal(status, Some(&error.message)),
            None => self.http.refusal(status, None),
        }
    }
}

/// Returns a statement without anything after its semicolon: D1 takes a comment there for another
/// statement, and would run a real one.
fn alone(statement: &Statement) -> QueryResult<Cow<'_, Statement>> {
    let sql = statement.sql.as_str();
    if !sql.contains(';') {
        return Ok(Cow::Borrowed(statement));
    }
    match statements(sql)[..] {
        [one] if one.len() < sql.len() => Ok(Cow::Owned(Statement {
            sql: one.to_owned(),
            ..statement.clone()
        })),
        [] | [_] => Ok(Cow::Borrowed(statement)),
        _ => Err(statement_error(
            "more than one statement in a query: send a script with batch_execute()",
        )),
    }
}

/// Shows nothing: it holds a token.
impl fmt::Debug for D1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("D1").finish_non_exhaustive()
    }
}

impl Sealed for D1 {}

impl Driver for D1 {
    /// <https://developers.cloudflare.com/d1/platform/limits/>.
    const BIND_LIMIT: usize = 100;
    const CHUNK_ROWS: usize = 1024;
    const NO_TRANSACTIONS: Option<&'static str> = Some(NO_TRANSACTIONS);

    fn open(url: &str) -> ConnectionResult<Self> {
        let target = D1Url::of(url)?;
        let http = Http::new(&target.authority, target.options, target.token.as_deref())?;
        Ok(Self {
            http,
            endpoint: target.endpoint,
            lock_wait: Duration::ZERO,
        })
    }

    fn ask_for_tokens(&mut self, tokens: TokenSource) {
        self.http.ask_for_tokens(tokens);
    }

    fn query(&mut self, statement: &Statement, real: &[bool]) -> QueryResult<ResultRows> {
        let statement = &*alone(statement)?;
        let request = Request::One(Query::new(statement)?);
        Done::default().then(&statement.facts)?;
        let repeatable = statement.facts.only_reads;
        let (mut rows, body) = self.send(&request, repeatable, |mut results, body| {
            let last = results.pop().ok_or_else(|| malformed("no result"))?;
            last.rows(body, real)
        })?;
        rows.body = body;
        Ok(rows)
    }

    fn execute(&mut self, statement: &Statement) -> QueryResult<usize> {
        let statement = alone(statement)?;
        let changed = self.atomically(std::slice::from_ref(&*statement))?;
        Ok(changed.first().copied().unwrap_or_default())
    }

    fn atomically(&mut self, statements: &[Statement]) -> QueryResult<Vec<usize>> {
        if statements.is_empty() {
            return Ok(Vec::new());
        }
        let mut batch = Vec::with_capacity(2 * statements.len());
        let mut done = Done::default();
        for statement in statements {
            done.then(&statement.facts)?;
            batch.push(Query::new(statement)?);
            batch.push(Query::changes());
        }
        let count = batch.len();
        let repeatable = statements.iter().all(|one| one.facts.only_reads);
        let request = Request::Batch { batch };
        let (changed, _) = self.send(&request, repeatable, |results, _| {
            if results.len() != count {
                return Err(malformed("not one result for each statement"));
            }
            results
                .chunks_exact(2)
                .map(|pair| match pair {
                    // After a statement that changes nothing, `changes()` returns the number of an
                    // earlier one.
                    [statement, changes] if statement.changed_anything() => changes.number(),
                    _ => Ok(0),
                })
                .collect()
        })?;
        Ok(changed)
    }

    fn script(&mut self, sql: &str) -> QueryResult<()> {
        self.atomically(&Statement::all_of(sql)?).map(drop)
    }

    fn begin(&mut self, _: &str) -> QueryResult<()> {
        Err(unsupported(NO_TRANSACTIONS))
    }

    fn has_lock(&self) -> bool {
        true
    }

    fn commit(&mut self) -> QueryResult<()> {
        Err(unsupported(NO_TRANSACTIONS))
    }

    fn rollback(&mut self) -> QueryResult<()> {
        Ok(())
    }

    fn abandon(&mut self) {}

    fn limit(&mut self, limit: Option<Duration>) {
        self.http.limit(limit);
    }

    fn lock_wait(&mut self) -> &mut Duration {
        &mut self.lock_wait
    }
}
