//! Neon over HTTP, on Diesel's `Pg` backend.
//!
//! Diesel speaks PostgreSQL's binary form of values, and the protocol carries texts: `value`
//! translates. This module uses APIs behind Diesel's feature
//! `i-implement-a-third-party-backend-and-opt-into-breaking-changes`, as `bridge` does.

mod answer;
mod api;
mod backend_connection;
mod batch;
mod batch_error;
mod connection;
mod link;
mod options;
pub(crate) mod pool;
mod position;
mod recorder;
mod save_changes;
mod search;
mod session;
mod sql;
mod statement;
mod transactions;
mod url;
mod value;

use std::fmt;

use diesel::connection::{DynInstrumentation, TransactionManagerStatus};
use diesel::pg::{Pg, PgMetadataCache};
use diesel::query_builder::QueryFragment;
use diesel::result::{ConnectionResult, QueryResult};

use super::http::TokenSource;
use super::observed::{established, watched};
use crate::backend::batch::{Probe, is_of_a_statement};
use batch::NeonBatch;
pub use batch_error::NeonBatchError;
use link::Link;
pub use options::{NeonBatchOptions, NeonIsolation};
use position::located;
pub use transactions::NeonTransactions;

/// A connection to a Neon database over HTTP, on Diesel's `Pg` backend.
///
/// Each statement is a request of its own, so there is neither a session nor a transaction that
/// spans several calls. It was tested against a double that was written from Neon's source and that
/// Neon's own client runs against, in front of a real PostgreSQL; Neon itself was not tried.
///
/// The URL is Neon's own, `postgres://USER:PASSWORD@HOST/DATABASE`, with these parameters besides:
///
/// | parameter | meaning | default |
/// |---|---|---|
/// | `token` | a JWT instead of a password | none |
/// | `base_url` | where statements are sent, `http://` on this machine only | `https://api.…/sql`, or with a token `https://apiauth.…/sql`, in which `…` is the host without its first label |
/// | `connect_timeout` | seconds for connecting | 10 |
/// | `request_timeout` | seconds for one answer | 30 |
/// | `statement_timeout` | seconds for a statement with all its tries | 60 |
/// | `max_response_bytes` | the largest answer that is read | 64 MiB |
/// | `allow_plain_http` | `true` to send to other machines unencrypted | `false` |
/// | `sslrootcert` | a file of certificates to trust, in PEM | the well-known ones |
///
/// Neon ignores all others over HTTP, such as `sslmode` and `application_name`; settings in `options`
/// are an error. [`establish_with_tokens`](Self::establish_with_tokens) and
/// [`PoolConfig::tokens`](crate::pool::PoolConfig::tokens) ask a function for the token of each request.
///
/// A statement is sent again if it certainly was not carried out, and one that only reads also if
/// its answer is lost. A write or batch whose answer is lost is never sent again: the error, of the kind
/// [`ClosedConnection`](diesel::result::DatabaseErrorKind::ClosedConnection) or a
/// [`DeserializationError`](diesel::result::Error::DeserializationError), says that it may have been
/// carried out. The second time that a statement is sent, writing is an error for it, as a function, a
/// view or an operator may write. A status of 429 is taken to mean that nothing was carried out. A gateway in between that repeats a request by itself repeats its effect, which only a
/// key or a condition in the statement prevents. Neon limits requests and answers: 64 MB each in
/// 2026-10.
///
/// # Settings
///
/// What reads or writes rows runs in the time zone UTC, as on a `PgConnection`, and with the usual
/// values of `DateStyle`, `IntervalStyle`, `bytea_output`, `extra_float_digits`, `array_nulls`,
/// `lc_monetary` and `standard_conforming_strings`, on which values depend, whatever the role or the
/// database sets. The first request of a connection looks at these settings, and then one a minute, by
/// a statement before its own in one transaction; if some had to be changed, every request does that.
/// A setting that somebody changes is noticed within the minute. All other settings, such as
/// `search_path`, are those of the role and the database.
///
/// # What does not work, and what to write instead
///
/// | on a `PgConnection` | here | instead |
/// |---|---|---|
/// | [`transaction`](diesel::Connection::transaction), `test_transaction`, `begin_test_transaction` | an error | one [`batch`](Self::batch) |
/// | `build_transaction().serializable().read_only()` | does not compile | [`batch_with`](Self::batch_with) |
/// | reading a value and then writing what depends on it | | one statement, or a `batch`, with the condition in its SQL (`UPDATE … WHERE version = 7`, and look at the count); `ON CONFLICT` |
/// | a `Vec`, slice or array of structs that derive `Insertable` with `Option` fields | an error, because Diesel inserts them one by one in a transaction | `#[diesel(treat_none_as_default_value = false)]` on the struct; or a `batch` with one insert per row |
/// | rows that come back from statements of a transaction | a `batch` returns how many rows each changed | one statement with `WITH … AS (INSERT … RETURNING …)`, by `sql_query` |
/// | `BEGIN`, `COMMIT`, `SET`, `RESET`, `LISTEN`, `PREPARE`, `DISCARD` by hand | an error, because a session ends with each request | one `batch`; for settings `SET LOCAL` in it, or `ALTER ROLE … SET` |
/// | `copy_from`, `copy_to`, `COPY` | do not compile, or are an error | [`Seed`](crate::Seed), an insert of several rows, or `SELECT` |
/// | `notifications_iter` | does not exist | the log of the feature `changes`, or the URL without `driver=neon-http` |
/// | `SET LOCAL`, temporary tables, cursors, `LOCK`, `SAVEPOINT` | an error outside of a `batch` | in a `batch` |
/// | session locks (`pg_advisory_lock`), and what `set_config`, a `DO` block or a function sets | end with the request | `pg_advisory_xact_lock`, `SET LOCAL` in a `batch` |
/// | `load_iter` with `PgRowByRowLoadingMode` | does not compile | `load_iter`: rows are decoded one by one from an answer that is held as text |
/// | rows without a type (`SELECT (a, b)`), `regclass` and others whose text is a name, `tsvector`, geometric types, types of extensions other than `citext` | an error | select the values themselves, or cast them to `text` |
/// | binding a value of an enum or composite whose schema the role may not use | an error of the database | `GRANT USAGE ON SCHEMA` |
/// | `InstrumentationEvent::CacheQuery` | never occurs, because no statement is cached | `StartQuery` |
/// | libpq's `host=… user=…`, environment variables (`PGPASSWORD`), several hosts | an error | a URL |
/// | Diesel's `MigrationHarness` | an error, because it runs each migration in a transaction | [`Boot`](crate::Boot) |
///
/// And of this library:
///
/// | on a `PgConnection` | here | instead |
/// |---|---|---|
/// | a [`Seed`](crate::Seed) is one transaction | one up to 4 MiB; a larger one is several, and its summary and errors tell how many rows are kept | files of less than 4 MiB |
/// | a seed whose rows refer to later ones, or updates rows so | works within a batch of 4 MiB, but not in tables with triggers for each row; an error that names the row beyond it | [`Seed::by_foreign_keys`](crate::Seed::by_foreign_keys) for tables, and rows in their order |
/// | a seed that updates a table with triggers for each row | sends three statements for each row | |
/// | [`Seed::dry_run`](crate::Seed::dry_run), `covara seed --dry-run` | an error | the URL without `driver=neon-http` |
/// | a dump in one state of the database | each page of about 1 MiB is a request of its own | the URL without `driver=neon-http` |
///
/// Queries and errors are otherwise those of a `PgConnection`, down to the position of a syntax error:
///
/// ```no_run
/// use covara_diesel::remote::{NeonBatchError, NeonHttpConnection};
/// use diesel::prelude::*;
///
/// # diesel::table! { stock (id) { id -> BigInt, pieces -> BigInt, } }
/// # diesel::table! { orders (id) { id -> BigInt, item -> BigInt, } }
/// /// Takes a piece if there is one, and orders it, or neither.
/// fn order(conn: &mut NeonHttpConnection, item: i64) -> Result<(), NeonBatchError> {
///     // A CHECK (pieces >= 0) takes the place of a look before.
///     let take = diesel::update(stock::table.find(item)).set(stock::pieces.eq(stock::pieces - 1));
///     let order = diesel::insert_into(orders::table).values(orders::item.eq(item));
///     conn.batch(&[&take, &order])?;
///     Ok(())
/// }
/// # fn main() {}
/// ```
///
/// ```no_run
/// use covara_diesel::auto_migrate;
/// use covara_diesel::remote::NeonHttpConnection;
/// use diesel::prelude::*;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let url = "postgres://ada:PASSWORD@ep-x-1.eu-central-1.aws.neon.tech/app";
/// let mut conn = NeonHttpConnection::establish(url)?;
/// auto_migrate(&mut conn)?;
/// # Ok(())
/// # }
/// ```
pub struct NeonHttpConnection {
    /// Boxed, because an enum of connections is as large as its largest variant.
    link: Box<Link>,
    metadata: PgMetadataCache,
    transactions: TransactionManagerStatus,
    instrumentation: DynInstrumentation,
}

/// Shows nothing, because the URL contains a password or a token.
impl fmt::Debug for NeonHttpConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NeonHttpConnection").finish_non_exhaustive()
    }
}

impl NeonHttpConnection {
    /// Opens a connection whose tokens come from a function, which is asked before each request. A token
    /// of the URL is not used.
    ///
    /// If the function fails, nothing is sent, and the statement is an error that says why.
    ///
    /// # Errors
    ///
    /// A URL that cannot be used, one with a password included.
    ///
    /// # Example
    ///
    /// ```
    /// use covara_diesel::remote::NeonHttpConnection;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let url = "postgres://authenticated@ep-x-1.eu-central-1.aws.neon.tech/app";
    /// let conn = NeonHttpConnection::establish_with_tokens(url, || Ok(std::env::var("APP_JWT")?))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn establish_with_tokens(
        url: &str,
        tokens: impl FnMut() -> Result<String, Box<dyn std::error::Error + Send + Sync>>
        + Send
        + 'static,
    ) -> ConnectionResult<Self> {
        Self::open(url, Some(Box::new(tokens)))
    }

    fn open(url: &str, tokens: Option<TokenSource>) -> ConnectionResult<Self> {
        let (link, instrumentation) = established(url, || Link::open(url, tokens))?;
        Ok(Self {
            link: Box::new(link),
            metadata: PgMetadataCache::new(),
            transactions: TransactionManagerStatus::default(),
            instrumentation,
        })
    }

    /// Executes statements in order, all or none of them, in one transaction and one request, and
    /// returns how many rows each changed.
    ///
    /// # Errors
    ///
    /// The database's own, with the statement that it rejected, which is found by sending parts of
    /// the batch that are always rolled back, about one for each time that the number of statements can
    /// be halved. They take locks and numbers of sequences again. And statements that no batch can have, such as
    /// `COMMIT`. Nothing has changed then, unless the answer was lost, which the error says.
    ///
    /// # Example
    ///
    /// ```no_run
    /// use covara_diesel::remote::NeonHttpConnection;
    /// use diesel::prelude::*;
    ///
    /// diesel::table! {
    ///     accounts (id) { id -> BigInt, cents -> BigInt, }
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let url = "postgres://ada:PASSWORD@ep-x-1.eu-central-1.aws.neon.tech/app";
    /// let mut conn = NeonHttpConnection::establish(url)?;
    /// let add = |id: i64, cents: i64| {
    ///     diesel::update(accounts::table.find(id)).set(accounts::cents.eq(accounts::cents + cents))
    /// };
    /// conn.batch(&[&add(1, -500), &add(2, 500)])?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn batch(
        &mut self,
        statements: &[&dyn QueryFragment<Pg>],
    ) -> Result<Vec<usize>, NeonBatchError> {
        self.batch_with(NeonBatchOptions::new(), statements)
    }

    /// Executes statements as [`batch`](Self::batch) does, with options of their transaction.
    ///
    /// # Errors
    ///
    /// The errors of [`batch`](Self::batch), and a statement that writes if the options forbid it.
    pub fn batch_with(
        &mut self,
        options: NeonBatchOptions,
        statements: &[&dyn QueryFragment<Pg>],
    ) -> Result<Vec<usize>, NeonBatchError> {
        let sent = self.statements_of_batch(statements)?;
        let batch = NeonBatch::of(sent);
        self.run_batch(&batch, options).map_err(|source| {
            let at = is_of_a_statement(&source)
                .then(|| batch.first_statement(&mut self.link, options, Probe::Fails))
                .flatten()
                .filter(|at| batch.fails_alike(&mut self.link, options, *at, &source));
            let named = at.and_then(|at| Some((statements.get(at)?, batch.query(at)?)));
            NeonBatchError {
                statement: at,
                source: match named {
                    Some((statement, sent)) => located(source, *statement, sent),
                    None => source,
                },
            }
        })
    }

    fn run_batch(
        &mut self,
        batch: &NeonBatch,
        options: NeonBatchOptions,
    ) -> QueryResult<Vec<usize>> {
        watched(self, &batch.together(), |conn| {
            batch.run(&mut conn.link, options)
        })
    }
}
