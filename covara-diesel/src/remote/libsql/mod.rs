//! Connections to libSQL servers, including Turso, over HTTP.

mod hrana;
mod numbers;
pub(crate) mod pool;
mod stream;
mod transaction;
mod url;

use std::fmt;
use std::slice;
use std::time::{Duration, Instant};

use diesel::result::{ConnectionResult, Error, QueryResult};

use super::bridge::{Driver, RemoteConnection};
use super::error::malformed;
use super::http::TokenSource;
use super::sql::{Done, Ending};
use super::value::{AnswerCells, ResultRows, Statement};
use crate::backend::connection::Begun;
use crate::backend::error::ErrorKind;
use crate::backend::sealed::Sealed;
use hrana::{Batch, Condition, Request, Step, Stmt};
use stream::{Client, PipelineAnswer};
use transaction::{Over, StreamTransaction, endings};
use url::LibsqlUrl;

/// A connection to a libSQL server, such as Turso, over HTTP (Hrana 3), on Diesel's `Sqlite`
/// backend.
///
/// | part of the URL | meaning | default |
/// |---|---|---|
/// | `libsql://`, `https://` | encrypted HTTP | |
/// | `http://`, `libsql://…?tls=0` | unencrypted, to this machine only | |
/// | `authToken` | the token | `LIBSQL_AUTH_TOKEN`, `TURSO_AUTH_TOKEN`, none |
/// | `connect_timeout` | longest wait for a connection, in seconds | 10 |
/// | `request_timeout` | longest wait for one answer, in seconds | 30 |
/// | `statement_timeout` | longest wait for a statement including all its tries, in seconds | 60 |
/// | `max_response_bytes` | largest answer that is read | 67,108,864 |
/// | `base_hosts` | other hosts, separated by commas, to which the server may send a transaction, token included | its own host only |
/// | `sslrootcert` | file of the certificates to trust, in PEM | the well-known ones |
/// | `allow_plain_http` | `true`: unencrypted HTTP to other machines as well | `false` |
///
/// [`establish_with_tokens`](RemoteConnection::establish_with_tokens) asks a function for the token of
/// each request instead.
///
/// A statement that finds the database locked is tried again for 5 s, within
/// `statement_timeout`; migrations and seeds wait as long as their own `lock_timeout` says.
///
/// `establish` only reads the URL. Each statement is one request; a transaction is a stream
/// on the server, which closes when the transaction ends.
///
/// [`transaction`](diesel::Connection::transaction) begins with `BEGIN IMMEDIATE`, because it may
/// write. For a transaction that only reads there is
/// [`read_transaction`](RemoteConnection::read_transaction). A server may end a transaction that
/// takes long (sqld after about 5 s when others wait). Then every further statement in it is an
/// error, and afterwards the connection can be used as before.
///
/// A request is sent again, at most 5 times within `statement_timeout`, if it did not reach the
/// server, if the server rejected it because of rate limits (429), or if it only reads. An error of
/// the kind [`ClosedConnection`](diesel::result::DatabaseErrorKind::ClosedConnection) leaves open
/// whether a statement that writes was carried out, and so does a
/// [`DeserializationError`](diesel::result::Error::DeserializationError) that says that the
/// server's answer cannot be read or is too large. The connection cannot detect a network that by
/// itself delivers a request to the server twice: outside of a transaction, a write that no key or
/// condition protects is then done twice. In a transaction the second one is rejected.
///
/// This library shows tokens nowhere. The HTTP client `ureq` logs whole requests at the level
/// `trace` of the crate `log`. At `debug` it omits the token, unless a server repeats it in the
/// address of a redirect. Set the targets `ureq` and `ureq_proto` to `info` if logs are stored.
///
/// Differences from a local file: syntax errors have other messages, and one anywhere in a script
/// keeps all of it from running. Answers are limited by the server (10 MB on sqld) and by
/// `max_response_bytes`. (−0 is as in a file: negative where it is bound, 0 where it was stored.) A
/// seed that meets NULL in a column `NOT NULL ON CONFLICT ROLLBACK` fails without naming the row.
///
/// # What does not work, and what to write instead
///
/// | on a [`SqliteConnection`](diesel::SqliteConnection) | here | instead |
/// |---|---|---|
/// | `get_result`, `get_results` of an insert of several rows, with `on_conflict` or without | does not compile | insert row by row in a [`transaction`](diesel::Connection::transaction), each with `get_result` |
/// | `immediate_transaction`, `exclusive_transaction` | do not exist | [`transaction`](diesel::Connection::transaction), which is immediate |
/// | temporary tables, `ATTACH`, `VACUUM` | an error | tables of the database; a connection for each database |
/// | `PRAGMA busy_timeout`, `journal_mode`, `synchronous` | an error | the parameters of the URL; the rest is the server's |
/// | infinite numbers | an error | NULL or text |
/// | `aggregate_order`, `ORDER BY` inside an aggregate function | a syntax error of the server | order in a subquery, by `sql_query` |
/// | `diesel_manage_updated_at('…')` in migrations | `no such function` | the trigger itself: `CREATE TRIGGER … AFTER UPDATE ON … WHEN old.updated_at IS new.updated_at BEGIN UPDATE … SET updated_at = CURRENT_TIMESTAMP WHERE rowid = new.rowid; END` |
/// | `InstrumentationEvent::CacheQuery` | never occurs, because no statement is cached | `StartQuery` |
/// | `register_impl` of SQL functions, collations, hooks, `serialize_database_to_buffer`, `with_raw_connection` | do not exist | there is no SQLite in this process to register them with |
/// | `BEGIN` and `SAVEPOINT` by hand | an error, unless the same script ends it again | [`transaction`](diesel::Connection::transaction) |
/// | `COMMIT` and `ROLLBACK` by hand in a `transaction` | executed, and every further statement in the transaction, including its end, is an error that says which | let `transaction` end it |
/// | `last_insert_rowid()`, `changes()` | an error, unless an earlier statement in the same transaction, script or [`batch`](RemoteConnection::batch) has written: for the former, an `INSERT … VALUES` without `IGNORE` and `ON CONFLICT` | `RETURNING`, or the count that `execute` returns |
/// | `total_changes()` | an error | add up the counts that `execute` returns |
/// | `as_returning()` of an enum that derives [`MultiConnection`](diesel::MultiConnection) | does not compile, whatever its connections | `returning(table::all_columns)` |
///
/// `save_changes` is two requests, an UPDATE and a SELECT, as on a file. Placeholders without a
/// bound value are NULL, and more binds than placeholders are an error, as on a file.
///
/// ```no_run
/// use covara_diesel::auto_migrate;
/// use covara_diesel::remote::LibsqlConnection;
/// use diesel::prelude::*;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut conn = LibsqlConnection::establish("libsql://app-me.turso.io?authToken=ey…")?;
/// auto_migrate(&mut conn)?;
/// # Ok(())
/// # }
/// ```
pub type LibsqlConnection = RemoteConnection<Libsql>;

/// The protocol of libSQL servers, Hrana 3 over HTTP.
pub struct Libsql {
    client: Client,
    transaction: StreamTransaction,
    /// `true` if the transaction was begun to read.
    is_reading: bool,
    lock_wait: Duration,
}

/// The default of [`PoolConfig::busy_timeout`](crate::pool::PoolConfig::busy_timeout) on local
/// files.
const LOCK_WAIT: Duration = Duration::from_secs(5);
const LOCK_PAUSE: Duration = Duration::from_millis(20);
const BEGIN_TO_READ: &str = "BEGIN DEFERRED";
/// A try with less time left than this is not begun: the error that the database is locked says
/// more than the error that the answer came too late.
const SHORTEST_TRY: Duration = Duration::from_millis(200);

impl RemoteConnection<Libsql> {
    /// Runs `work` in a transaction that takes no write lock, so that any number of them can run at
    /// once. Writing in it may fail at once with `database is locked`, and if another transaction
    /// takes long, it makes the server end that one. Optional writes, such as extending a session
    /// that was found, are left out.
    ///
    /// # Errors
    ///
    /// Those of `work`, and the server's.
    pub fn read_transaction<T, E>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E>
    where
        E: From<Error>,
    {
        let mut transaction = crate::backend::transaction::Transaction::begin(self, |conn| {
            conn.begin_by(BEGIN_TO_READ)?;
            Ok(Begun::default())
        })?;
        let value = work(transaction.conn())?;
        transaction.commit()?;
        Ok(value)
    }
}

/// Returns a request for statements that run one after the other as long as they succeed and,
/// inside a transaction, as long as it is open.
fn chain<'a>(stmts: Vec<Stmt<'a>>, in_transaction: bool) -> Request<'a> {
    let steps = stmts.into_iter().enumerate().map(|(position, stmt)| {
        let previous = position.checked_sub(1).map(|step| Condition::Ok { step });
        let open = in_transaction.then(|| Condition::IsAutocommit.not());
        let condition = match (previous, open) {
            (Some(previous), Some(open)) => Some(Condition::And {
                conds: vec![previous, open],
            }),
            (previous, open) => previous.or(open),
        };
        Step { condition, stmt }
    });
    Request::Batch {
        batch: Batch {
            steps: steps.collect(),
        },
    }
}

impl Libsql {
    /// Runs statements in the open transaction or, outside of any, each by itself, and returns the
    /// answer, in which all have succeeded.
    fn run(&mut self, statements: &[Statement], want_rows: bool) -> QueryResult<PipelineAnswer> {
        let count = statements.len();
        let stmts = || -> QueryResult<Vec<Stmt<'_>>> {
            let all = statements.iter();
            all.map(|one| Stmt::new(one, want_rows)).collect()
        };
        let repeatable = statements.iter().all(|one| one.facts.only_reads);
        let mut done = match self.transaction {
            StreamTransaction::Over(over) => return Err(over.error()),
            StreamTransaction::Open(done) => done,
            StreamTransaction::None => Done::default(),
        };
        for statement in statements {
            done.then(&statement.facts)?;
        }
        match self.transaction {
            StreamTransaction::Over(over) => Err(over.error()),
            StreamTransaction::Open(_) => {
                let deadline = self.client.deadline();
                let requests = [chain(stmts()?, true), Request::GetAutocommit];
                let answer = self.client.send(&requests, repeatable, deadline);
                let answer = self.checked(answer, &endings(statements))?;
                if let StreamTransaction::Open(before) = &mut self.transaction {
                    *before = done;
                }
                Ok(answer)
            }
            StreamTransaction::None => {
                let requests = [
                    chain(stmts()?, false),
                    Request::GetAutocommit,
                    Request::Close,
                ];
                let answer = self.unlocked(&requests, repeatable)?;
                // A server that has not closed the stream would continue it.
                self.client.close();
                let is_whole = answer.is_autocommit()?;
                // The error that stopped a script is reported before the transaction that it left
                // open.
                let answer = answer.all_ran(count)?;
                if is_whole {
                    return Ok(answer);
                }
                Err(Error::QueryBuilderError(
                    "a script left a transaction open, which was rolled back: use transaction()"
                        .into(),
                ))
            }
        }
    }

    /// Sends a request, and repeats it as long as the first statement finds the database locked and
    /// so has done nothing. The time of the statement limits this, unless the caller explicitly
    /// requested a longer wait.
    fn unlocked(
        &mut self,
        requests: &[Request<'_>],
        repeatable: bool,
    ) -> QueryResult<PipelineAnswer> {
        let begun = Instant::now();
        let first = self.client.deadline();
        let is_asked_for = self.lock_wait > LOCK_WAIT;
        let mut deadline = first;
        loop {
            let answer = self.client.send(requests, repeatable, deadline)?;
            let is_in_time = begun.elapsed() < self.lock_wait
                && (is_asked_for || Instant::now() + LOCK_PAUSE + SHORTEST_TRY < first);
            match answer.first_error() {
                Some(error) if answer.ran() == 0 && is_locked(&error) && is_in_time => {
                    std::thread::sleep(LOCK_PAUSE);
                }
                _ => return Ok(answer),
            }
            if is_asked_for {
                deadline = self.client.deadline();
            }
        }
    }

    /// Checks the answer to statements inside the transaction, and whether the transaction is still
    /// open.
    fn checked(
        &mut self,
        answer: QueryResult<PipelineAnswer>,
        endings: &[Option<Ending>],
    ) -> QueryResult<PipelineAnswer> {
        let judged = answer.and_then(|answer| Ok((answer.is_autocommit()?, answer)));
        let (has_ended, answer) = match judged {
            Ok(judged) => judged,
            Err(error) => {
                self.end(Over::without_answer(endings));
                return Err(error);
            }
        };
        if !has_ended {
            return answer.all_ran(endings.len());
        }
        let over = Over::after(endings, answer.ran());
        self.end(over);
        match (answer.first_error(), over) {
            (Some(error), _) => Err(error),
            (None, Over::ByHand(_)) if answer.ran() == endings.len() => Ok(answer),
            (None, over) => Err(over.error()),
        }
    }

    fn end(&mut self, over: Over) {
        self.client.close();
        self.transaction = StreamTransaction::Over(over);
    }
}

/// Shows nothing: it holds a token.
impl fmt::Debug for Libsql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Libsql").finish_non_exhaustive()
    }
}

impl Sealed for Libsql {}

impl Driver for Libsql {
    const BIND_LIMIT: usize = 32_766;
    const CHUNK_ROWS: usize = 1024;
    const NO_TRANSACTIONS: Option<&'static str> = None;

    fn open(url: &str) -> ConnectionResult<Self> {
        Ok(Self {
            client: Client::new(LibsqlUrl::of(url)?)?,
            transaction: StreamTransaction::None,
            is_reading: false,
            lock_wait: LOCK_WAIT,
        })
    }

    fn ask_for_tokens(&mut self, tokens: TokenSource) {
        self.client.ask_for_tokens(tokens);
    }

    fn query(&mut self, statement: &Statement, _: &[bool]) -> QueryResult<ResultRows> {
        let answer = self.run(slice::from_ref(statement), true)?;
        let (body, mut results) = answer.into_results();
        let last = results.pop().ok_or_else(|| malformed("no result"))?;
        let (columns, cells) = last.rows;
        Ok(ResultRows {
            body,
            columns,
            cells: AnswerCells::Listed(cells),
        })
    }

    fn execute(&mut self, statement: &Statement) -> QueryResult<usize> {
        let answer = self.run(slice::from_ref(statement), false)?;
        answer
            .into_results()
            .1
            .pop()
            .map(|result| result.changed)
            .ok_or_else(|| malformed("no result"))
    }

    fn atomically(&mut self, statements: &[Statement]) -> QueryResult<Vec<usize>> {
        let mut stmts = vec![Stmt::of_text("BEGIN IMMEDIATE")];
        let mut done = Done::default();
        for statement in statements {
            done.then(&statement.facts)?;
            stmts.push(Stmt::new(statement, false)?);
        }
        stmts.push(Stmt::of_text("COMMIT"));
        let count = stmts.len();
        // A transaction that a failure leaves open ends with the stream.
        let requests = [chain(stmts, false), Request::GetAutocommit, Request::Close];
        let answer = self.unlocked(&requests, false)?;
        self.client.close();
        let answer = answer.all_ran(count)?;
        let (_, results) = answer.into_results();
        let changed = results.iter().map(|result| result.changed);
        Ok(changed.skip(1).take(statements.len()).collect())
    }

    fn script(&mut self, sql: &str) -> QueryResult<()> {
        let statements = Statement::all_of(sql)?;
        if statements.is_empty() {
            return Ok(());
        }
        self.run(&statements, false).map(drop)
    }

    fn begin(&mut self, sql: &str) -> QueryResult<()> {
        if let StreamTransaction::Over(over) = self.transaction {
            return Err(over.error());
        }
        let requests = [
            chain(vec![Stmt::of_text(sql)], false),
            Request::GetAutocommit,
        ];
        // After a while the server releases a lock whose client does not know of it, so the request
        // may be sent again without harm.
        let begun = self.unlocked(&requests, true).and_then(|answer| {
            let open = !answer.is_autocommit()?;
            answer.all_ran(1)?;
            match open && self.client.has_stream() {
                true => Ok(()),
                false => Err(malformed("a transaction without a stream")),
            }
        });
        match begun {
            Ok(()) => {
                self.transaction = StreamTransaction::Open(Done::default());
                self.is_reading = sql == BEGIN_TO_READ;
            }
            Err(_) => self.client.close(),
        }
        begun
    }

    fn has_lock(&self) -> bool {
        !self.is_reading
    }

    fn commit(&mut self) -> QueryResult<()> {
        match std::mem::replace(&mut self.transaction, StreamTransaction::None) {
            StreamTransaction::None => Err(Error::NotInTransaction),
            StreamTransaction::Over(over) => Err(over.error()),
            StreamTransaction::Open(_) => {
                let deadline = self.client.deadline();
                let commit = chain(vec![Stmt::of_text("COMMIT")], true);
                let requests = [commit, Request::Close];
                let answer = self.client.send(&requests, false, deadline);
                self.client.close();
                answer?.all_ran(1).map(drop)
            }
        }
    }

    fn rollback(&mut self) -> QueryResult<()> {
        // If the server does not receive the request, it closes the idle stream by itself.
        self.client.close();
        match std::mem::replace(&mut self.transaction, StreamTransaction::None) {
            // These are the expected states.
            StreamTransaction::None
            | StreamTransaction::Open(_)
            | StreamTransaction::Over(Over::Lost) => Ok(()),
            StreamTransaction::Over(over) => Err(over.error()),
        }
    }

    fn abandon(&mut self) {
        if let StreamTransaction::Open(_) = self.transaction {
            self.end(Over::Lost);
        }
    }

    fn limit(&mut self, limit: Option<Duration>) {
        self.client.limit(limit);
    }

    fn lock_wait(&mut self) -> &mut Duration {
        &mut self.lock_wait
    }
}

fn is_locked(error: &Error) -> bool {
    ErrorKind::of(error) == ErrorKind::Locked
}
