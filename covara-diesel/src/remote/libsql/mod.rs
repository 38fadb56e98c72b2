//! libSQL servers, Turso among them, over HTTP.

mod any;
mod hrana;
mod numbers;
pub(crate) mod pool;
mod stream;
mod url;

use std::time::{Duration, Instant};

use diesel::result::{ConnectionResult, DatabaseErrorKind, Error, QueryResult};

use super::bridge::{Driver, RemoteConnection};
use super::error::malformed;
use super::sql::{only_reads, statements};
use super::value::{Rows, Statement};
use crate::connection::{Begun, message};
use crate::engine::{Engine, Fault};
use crate::transaction;
use hrana::{Batch, Condition, Request, Step, Stmt};
use stream::{Answer, Client};
use url::Target;

/// A connection to a libSQL server, Turso among them, over HTTP (Hrana 3), on Diesel's
/// `Sqlite` backend.
///
/// | part of the URL | meaning | default |
/// |---|---|---|
/// | `libsql://`, `https://` | encrypted HTTP | |
/// | `http://`, `libsql://…?tls=0` | unencrypted, to this machine only | |
/// | `authToken` | the token | `LIBSQL_AUTH_TOKEN`, `TURSO_AUTH_TOKEN`, none |
/// | `connect_timeout` | longest wait for a connection, in seconds | 10 |
/// | `request_timeout` | longest wait for one answer, in seconds | 30 |
/// | `statement_timeout` | longest wait for a statement with all its tries, in seconds | 60 |
/// | `max_response_bytes` | largest answer that is read | 67,108,864 |
/// | `sslrootcert` | file of the certificates to trust, in PEM | the well-known ones |
/// | `allow_plain_http` | `true`: unencrypted HTTP to other machines as well | `false` |
///
/// A statement that finds the database locked is tried again for 5 s, within
/// `statement_timeout`; migrations and seeds wait as long as their own `lock_timeout` says.
///
/// `establish` only reads the URL. Each statement is one request; a transaction is a stream
/// on the server, which closes when the transaction ends.
///
/// [`transaction`](diesel::Connection::transaction) begins with `BEGIN IMMEDIATE`, as it may
/// write; for one that only reads there is
/// [`read_transaction`](RemoteConnection::read_transaction). A server may end a transaction
/// that takes long (sqld after about 5 s when others wait): then every further statement in
/// it is an error, and afterwards the connection is as good as new.
///
/// A request is sent again, at most 5 times within `statement_timeout`, if it did not reach
/// the server, if the server refused to take it (429), or if it only reads. An error of the
/// kind [`ClosedConnection`](DatabaseErrorKind::ClosedConnection) leaves open whether a
/// statement that writes was carried out. What is beyond its sight is a network that by itself
/// hands a request to the server twice: outside of a transaction, a write that no key or
/// condition protects is then done twice. In a transaction the second one is refused.
///
/// Tokens are shown nowhere by this library. The HTTP client `ureq` logs whole requests at the
/// level `trace` of the crate `log`. At `debug` it leaves the token out, unless a server repeats
/// it in the address that it redirects to. Keep the targets `ureq` and `ureq_proto` at `info`
/// where logs are kept.
///
/// What differs from a local file: the words of syntax errors, no `ATTACH`, no `VACUUM`, no
/// temporary tables, no infinite floating-point numbers (−0 is as in a file: negative where it
/// is bound, 0 where it was stored), no answers above the server's limit
/// (10 MB on sqld) or `max_response_bytes`. `BEGIN` by hand is refused outside of
/// [`transaction`](diesel::Connection::transaction). A seed that meets NULL in a column
/// `NOT NULL ON CONFLICT ROLLBACK` fails without naming the row.
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
#[expect(missing_debug_implementations, reason = "it holds a token")]
pub struct Libsql {
    client: Client,
    transaction: Transaction,
    lock_wait: Duration,
}

enum Transaction {
    None,
    /// On the client's stream.
    Open,
    /// Ended by the server or lost on the way, and nobody has been told by its end yet.
    Lost,
}

/// As [`PoolConfig::busy_timeout`](crate::pool::PoolConfig::busy_timeout) on local files.
const LOCK_WAIT: Duration = Duration::from_secs(5);
const LOCK_PAUSE: Duration = Duration::from_millis(20);

const TRANSACTION_LOST: &str = "the transaction was ended by the server or lost on the way to \
     it; nothing of it is kept, begin again";

impl RemoteConnection<Libsql> {
    /// Runs `work` in a transaction that takes no lock for writing, so that any number can
    /// run at once. To write in it may fail at once with `database is locked`.
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
        let mut transaction = transaction::Transaction::begin(self, |conn| {
            conn.begin_by("BEGIN DEFERRED")?;
            Ok(Begun::default())
        })?;
        let value = work(transaction.conn())?;
        transaction.commit()?;
        Ok(value)
    }
}

/// Statements that run one after the other as long as they succeed; inside a transaction,
/// as long as it is open.
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
    /// Runs statements in the open transaction or, each by itself, outside of any, and hands
    /// out the answer, in which all have succeeded.
    fn run(&mut self, stmts: Vec<Stmt<'_>>, repeatable: bool) -> QueryResult<Answer> {
        let count = stmts.len();
        match self.transaction {
            Transaction::Lost => Err(lost_transaction()),
            Transaction::Open => {
                let deadline = self.client.deadline();
                let requests = [chain(stmts, true), Request::GetAutocommit];
                let answer = self.client.send(&requests, repeatable, deadline);
                self.checked(answer, count)
            }
            Transaction::None => {
                let requests = [chain(stmts, false), Request::GetAutocommit, Request::Close];
                let answer = self.unlocked(&requests, repeatable)?;
                if answer.is_autocommit()? {
                    answer.all_ran(count)
                } else {
                    Err(Error::QueryBuilderError(
                        "a script left a transaction open, which was rolled back: use \
                         transaction()"
                            .into(),
                    ))
                }
            }
        }
    }

    /// Sends, and again as long as the first statement finds the database locked, which then
    /// has done nothing. All of it is within the statement's time, unless somebody asked for a
    /// longer wait by name.
    fn unlocked(&mut self, requests: &[Request<'_>], repeatable: bool) -> QueryResult<Answer> {
        let begun = Instant::now();
        let first = self.client.deadline();
        let is_asked_for = self.lock_wait > LOCK_WAIT;
        let mut deadline = first;
        loop {
            let answer = self.client.send(requests, repeatable, deadline)?;
            let is_in_time = begun.elapsed() < self.lock_wait
                && (is_asked_for || Instant::now() + LOCK_PAUSE < first);
            match answer.first_error() {
                Some(error) if answer.nothing_ran() && is_locked(&error) && is_in_time => {
                    std::thread::sleep(LOCK_PAUSE);
                }
                _ => return Ok(answer),
            }
            if is_asked_for {
                deadline = self.client.deadline();
            }
        }
    }

    /// Judges the answer to statements inside the transaction: is it still open?
    fn checked(&mut self, answer: QueryResult<Answer>, count: usize) -> QueryResult<Answer> {
        let judged = answer.and_then(|answer| match answer.is_autocommit() {
            Ok(false) => Ok((answer.all_ran(count), true)),
            Ok(true) => {
                let error = answer.first_error().unwrap_or_else(lost_transaction);
                Ok((Err(error), false))
            }
            Err(error) => Err(error),
        });
        match judged {
            Ok((result, true)) => result,
            Ok((result, false)) => {
                self.lose();
                result
            }
            Err(error) => {
                self.lose();
                Err(error)
            }
        }
    }

    fn lose(&mut self) {
        self.client.close();
        self.transaction = Transaction::Lost;
    }
}

impl Driver for Libsql {
    const BIND_LIMIT: usize = 32_766;
    const SEED_ROWS: usize = 1024;
    const NO_TRANSACTIONS: Option<&'static str> = None;

    fn open(url: &str) -> ConnectionResult<Self> {
        Ok(Self {
            client: Client::new(Target::of(url)?)?,
            transaction: Transaction::None,
            lock_wait: LOCK_WAIT,
        })
    }

    fn query(&mut self, statement: &Statement, _: &[bool]) -> QueryResult<Rows> {
        let stmts = vec![Stmt::new(statement, true)?];
        let answer = self.run(stmts, only_reads(&statement.sql))?;
        let (body, mut results) = answer.into_results();
        let last = results.pop().ok_or_else(|| malformed("no result"))?;
        let (columns, cells) = last.rows;
        Ok(Rows {
            body,
            columns,
            cells,
        })
    }

    fn execute(&mut self, statement: &Statement) -> QueryResult<usize> {
        let stmts = vec![Stmt::new(statement, false)?];
        let answer = self.run(stmts, only_reads(&statement.sql))?;
        answer
            .into_results()
            .1
            .pop()
            .map(|result| result.changed)
            .ok_or_else(|| malformed("no result"))
    }

    fn execute_atomically(&mut self, statements: &[Statement]) -> QueryResult<Vec<usize>> {
        let mut stmts = vec![Stmt::of_text("BEGIN IMMEDIATE")];
        for statement in statements {
            stmts.push(Stmt::new(statement, false)?);
        }
        stmts.push(Stmt::of_text("COMMIT"));
        let count = stmts.len();
        // What a failure leaves open ends with the stream.
        let requests = [chain(stmts, false), Request::GetAutocommit, Request::Close];
        let answer = self.unlocked(&requests, false)?.all_ran(count)?;
        let (_, results) = answer.into_results();
        let changed = results.iter().map(|result| result.changed);
        Ok(changed.skip(1).take(statements.len()).collect())
    }

    fn script(&mut self, sql: &str) -> QueryResult<()> {
        let stmts: Vec<_> = statements(sql).into_iter().map(Stmt::of_text).collect();
        if stmts.is_empty() {
            return Ok(());
        }
        self.run(stmts, false).map(drop)
    }

    fn begin(&mut self, sql: &str) -> QueryResult<()> {
        if matches!(self.transaction, Transaction::Lost) {
            return Err(lost_transaction());
        }
        let requests = [
            chain(vec![Stmt::of_text(sql)], false),
            Request::GetAutocommit,
        ];
        // A lock that nobody knows of is let go by the server after a while: it may be sent
        // again without harm.
        let begun = self.unlocked(&requests, true).and_then(|answer| {
            let open = !answer.is_autocommit()?;
            answer.all_ran(1)?;
            match open && self.client.has_stream() {
                true => Ok(()),
                false => Err(malformed("a transaction without a stream")),
            }
        });
        match begun {
            Ok(()) => self.transaction = Transaction::Open,
            Err(_) => self.client.close(),
        }
        begun
    }

    fn commit(&mut self) -> QueryResult<()> {
        match std::mem::replace(&mut self.transaction, Transaction::None) {
            Transaction::None => Err(Error::NotInTransaction),
            Transaction::Lost => Err(lost_transaction()),
            Transaction::Open => {
                let deadline = self.client.deadline();
                let commit = chain(vec![Stmt::of_text("COMMIT")], true);
                let requests = [commit, Request::Close];
                let answer = self.client.send(&requests, false, deadline);
                self.client.forget();
                answer?.all_ran(1).map(drop)
            }
        }
    }

    fn rollback(&mut self) {
        if let Transaction::Open = self.transaction {
            // What the server does not hear of it finds out: an idle stream is closed.
            self.client.close();
        }
        self.transaction = Transaction::None;
    }

    fn abandon(&mut self) {
        self.lose();
    }

    fn lock_wait(&mut self) -> &mut Duration {
        &mut self.lock_wait
    }
}

fn lost_transaction() -> Error {
    Error::DatabaseError(
        DatabaseErrorKind::ClosedConnection,
        Box::new(TRANSACTION_LOST.to_owned()),
    )
}

fn is_locked(error: &Error) -> bool {
    diesel::sqlite::Sqlite::fault(message(error)) == Fault::Locked
}
