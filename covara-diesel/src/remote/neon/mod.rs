//! Neon over HTTP, on Diesel's `Pg` backend.
//!
//! Diesel speaks PostgreSQL's binary form of values, and the protocol carries texts: `value`
//! translates. This module uses APIs behind Diesel's feature
//! `i-implement-a-third-party-backend-and-opt-into-breaking-changes`, as `bridge` does.

mod answer;
mod api;
mod backend_connection;
mod batch;
mod link;
mod options;
pub(crate) mod pool;
mod recorder;
mod sql;
mod transactions;
mod url;
mod value;

use std::any::Any;
use std::convert::Infallible;
use std::ffi::CString;
use std::fmt;

use diesel::RunQueryDsl;
use diesel::connection::{
    CacheSize, Connection, ConnectionSealed, DebugQuery, DynInstrumentation, Instrumentation,
    InstrumentationEvent, LoadConnection, MultiConnectionHelper, SimpleConnection, StrQueryHelper,
    TransactionManagerStatus,
};
use diesel::expression::QueryMetadata;
use diesel::migration::MigrationConnection;
use diesel::pg::{GetPgMetadataCache, Pg, PgMetadataCache, PgMetadataLookup, PgQueryBuilder};
use diesel::query_builder::bind_collector::RawBytesBindCollector;
use diesel::query_builder::{Query, QueryBuilder, QueryFragment, QueryId};
use diesel::r2d2::R2D2Connection;
use diesel::result::{ConnectionResult, Error, QueryResult};
use diesel::sql_types::TypeMetadata;

use super::error::{unsendable, unsupported};
use super::http::TokenSource;
use super::url::without_secrets;
use crate::backend::batch::is_of_a_statement;
use answer::{NeonCursor, NeonRow};
use api::Statement;
pub use batch::NeonBatchError;
use batch::{NeonBatch, of_sql, scripted};
use link::Link;
pub use options::{NeonBatchOptions, NeonIsolation};
use sql::{Facts, Place, rewrite_placeholders, statements};
pub use transactions::NeonTransactions;
use value::encode;

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
/// All others, such as `options` and `application_name`, are sent to Neon. Settings on which values
/// depend are added to `options`, among them the time zone UTC, as on a `PgConnection`.
///
/// A statement is sent again if it certainly was not carried out, and one that only reads also if
/// its answer is lost. A write or batch whose answer is lost is never sent again: the error says
/// that it may have been carried out. A gateway in between that repeats a request by itself repeats
/// its effect, which only a key or a condition in the statement prevents. Neon limits requests and answers: 64 MB each in 2026-10.
///
/// # What does not work, and what to write instead
///
/// | on a `PgConnection` | here | instead |
/// |---|---|---|
/// | [`transaction`](Connection::transaction), `test_transaction`, `begin_test_transaction`, `build_transaction` | an error, or does not compile | one [`batch`](Self::batch) |
/// | a `Vec`, slice or array of structs that derive `Insertable` with `Option` fields | an error, because Diesel inserts them one by one in a transaction | `#[diesel(treat_none_as_default_value = false)]` on the struct; or a `batch` with one insert per row |
/// | `BEGIN`, `COMMIT`, `SET`, `LISTEN`, `PREPARE`, `COPY` by hand | an error, because a session ends with each request | one `batch`; for settings the parameter `options` |
/// | `SET LOCAL`, temporary tables, cursors, `LOCK`, `SAVEPOINT` | an error outside of a `batch` | in a `batch` |
/// | session locks (`pg_advisory_lock`) | end with the request | `pg_advisory_xact_lock` in a `batch` |
/// | rows without a type (`SELECT (a, b)`), `regclass` and others whose text is a name | an error | select the values themselves, or cast them to `text` |
/// | a [`Seed`](crate::Seed) that inserts rows which refer to later ones | works within a batch of 4 MiB; an error that names the row beyond it | [`Seed::by_foreign_keys`](crate::Seed::by_foreign_keys) for tables, and rows in their order |
/// | a seed that updates such rows, or replaces tables that refer to each other | an error | the URL without `driver=neon-http` |
/// | a seed that updates a table with triggers for each row | an error | the URL without `driver=neon-http` |
/// | a dump in one state of the database | each page of about 1 MiB is a request of its own | the URL without `driver=neon-http` |
/// | Diesel's `MigrationHarness` | an error, because it runs each migration in a transaction | [`Boot`](crate::Boot) |
///
/// The command `covara` takes such URLs: its `seed --dry-run` is an error, and a seed above 4 MiB that
/// fails or is stopped keeps the batches before. The position in an error's statement counts the types
/// that are written after placeholders.
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

/// Returns a statement's properties, or an error if it cannot be where it is.
fn checked(sql: &str, in_batch: bool) -> QueryResult<Facts> {
    let facts = Facts::of(sql);
    match facts.place {
        Place::Nowhere => Err(unsupported(
            "over Neon's HTTP a session ends with each request, so that this statement would have \
             no effect: send what must happen together as one batch(), and settings in the URL's \
             parameter options",
        )),
        Place::Batch if !in_batch => Err(unsupported(
            "over Neon's HTTP the effect of this statement would end with its request: send it in \
             one batch() with the statements that need it",
        )),
        Place::Batch | Place::Anywhere => Ok(facts),
    }
}

impl NeonHttpConnection {
    /// Opens a connection whose tokens come from a function, which is asked before each request.
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
        let mut instrumentation = DynInstrumentation::default_instrumentation();
        let shown = without_secrets(url);
        instrumentation
            .on_connection_event(InstrumentationEvent::start_establish_connection(&shown));
        let opened = Link::open(url, tokens);
        let error = opened.as_ref().err();
        instrumentation.on_connection_event(InstrumentationEvent::finish_establish_connection(
            &shown, error,
        ));
        Ok(Self {
            link: Box::new(opened?),
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
    /// the batch that are always rolled back; and statements that no batch can have, such as
    /// `COMMIT`. Nothing has changed then, unless the connection was lost.
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
        let statements = self.statements_of_batch(statements)?;
        let batch = NeonBatch::of(statements);
        self.run_batch(&batch, options).map_err(|source| {
            let statement = is_of_a_statement(&source)
                .then(|| batch.culprit(&mut self.link, options))
                .flatten();
            NeonBatchError { statement, source }
        })
    }

    fn statements_of_batch(
        &mut self,
        sources: &[&dyn QueryFragment<Pg>],
    ) -> Result<Vec<Statement>, NeonBatchError> {
        let statements = sources.iter().enumerate().map(|(at, source)| {
            let statement = self.statement(*source).and_then(|statement| {
                checked(&statement.query, true)?;
                Ok(statement)
            });
            statement.map_err(|source| NeonBatchError {
                statement: Some(at),
                source,
            })
        });
        statements.collect()
    }

    fn run_batch(
        &mut self,
        batch: &NeonBatch,
        options: NeonBatchOptions,
    ) -> QueryResult<Vec<usize>> {
        self.watched(&batch.all(), |conn| batch.run(&mut conn.link, options))
    }

    /// Returns a statement in the form that is sent: with its values as texts, and with their types
    /// in its SQL.
    fn statement<T>(&mut self, source: &T) -> QueryResult<Statement>
    where
        T: QueryFragment<Pg> + ?Sized,
    {
        let mut sql = PgQueryBuilder::default();
        source.to_sql(&mut sql, &Pg)?;
        // A NUL character is an error, as on a `PgConnection`.
        let sql = CString::new(sql.finish())?;
        let sql = sql.to_str().unwrap_or_default();
        let mut binds = RawBytesBindCollector::<Pg>::new();
        source.collect_binds(&mut binds, self as &mut dyn PgMetadataLookup, &Pg)?;
        let oids = binds.metadata.iter().map(|metadata| {
            metadata
                .oid()
                .map_err(|error| Error::SerializationError(error.into()))
        });
        let oids = oids.collect::<QueryResult<Vec<u32>>>()?;
        self.link.look_up(&oids)?;
        let types = &self.link.types;
        let params = binds.binds.iter().zip(&oids).map(|(bytes, oid)| {
            let text = bytes.as_deref().map(|bytes| encode(bytes, *oid, types));
            text.transpose().map_err(unsendable)
        });
        let params = params.collect::<QueryResult<Vec<_>>>()?;
        let names: Vec<String> = oids
            .iter()
            .map(|oid| types.name(*oid).unwrap_or_default())
            .collect();
        let query = match names.is_empty() {
            true => sql.to_owned(),
            false => {
                let Ok(query) = rewrite_placeholders(sql, |number| {
                    let name = number.checked_sub(1).and_then(|at| names.get(at));
                    Ok::<_, Infallible>(match name {
                        Some(name) if !name.is_empty() => format!("(${number}::{name})"),
                        _ => format!("${number}"),
                    })
                });
                query
            }
        };
        Ok(Statement { query, params })
    }

    fn watched<R>(
        &mut self,
        query: &dyn DebugQuery,
        run: impl FnOnce(&mut Self) -> QueryResult<R>,
    ) -> QueryResult<R> {
        self.instrumentation
            .on_connection_event(InstrumentationEvent::start_query(query));
        let result = run(self);
        let error = result.as_ref().err();
        self.instrumentation
            .on_connection_event(InstrumentationEvent::finish_query(query, error));
        result
    }

    /// Runs a script: one statement as it is, several in one transaction, as PostgreSQL does.
    fn script(&mut self, sql: &str) -> QueryResult<()> {
        let sql = CString::new(sql)?;
        let sql = sql.to_str().unwrap_or_default();
        match statements(sql)[..] {
            [] => Ok(()),
            [one] => {
                let facts = checked(one, false)?;
                let statement = of_sql(one.to_owned());
                self.link.execute(&statement, facts.only_reads).map(drop)
            }
            _ => {
                let batch = NeonBatch::of(scripted(sql)?);
                batch.run(&mut self.link, NeonBatchOptions::new()).map(drop)
            }
        }
    }
}

impl ConnectionSealed for NeonHttpConnection {}

/// Required by `#[derive(diesel::MultiConnection)]`.
impl MultiConnectionHelper for NeonHttpConnection {
    fn to_any<'a>(lookup: &mut <Pg as TypeMetadata>::MetadataLookup) -> &mut (dyn Any + 'a) {
        lookup.as_any()
    }

    fn from_any(lookup: &mut dyn Any) -> Option<&mut <Pg as TypeMetadata>::MetadataLookup> {
        let conn = lookup.downcast_mut::<Self>();
        conn.map(|conn| conn as &mut dyn PgMetadataLookup)
    }
}

impl GetPgMetadataCache for NeonHttpConnection {
    fn get_metadata_cache(&mut self) -> &mut PgMetadataCache {
        &mut self.metadata
    }
}

impl SimpleConnection for NeonHttpConnection {
    fn batch_execute(&mut self, query: &str) -> QueryResult<()> {
        self.watched(&StrQueryHelper::new(query), |conn| conn.script(query))
    }
}

impl Connection for NeonHttpConnection {
    type Backend = Pg;
    type TransactionManager = NeonTransactions;

    /// Parses the URL. Nothing is sent before the first statement.
    fn establish(database_url: &str) -> ConnectionResult<Self> {
        Self::open(database_url, None)
    }

    fn execute_returning_count<T>(&mut self, source: &T) -> QueryResult<usize>
    where
        T: QueryFragment<Pg> + QueryId,
    {
        self.watched(&diesel::debug_query::<Pg, _>(source), |conn| {
            let statement = conn.statement(source)?;
            let facts = checked(&statement.query, false)?;
            conn.link.execute(&statement, facts.only_reads)
        })
    }

    fn transaction_state(&mut self) -> &mut TransactionManagerStatus {
        &mut self.transactions
    }

    fn instrumentation(&mut self) -> &mut dyn Instrumentation {
        &mut *self.instrumentation
    }

    fn set_instrumentation(&mut self, instrumentation: impl Instrumentation) {
        self.instrumentation = instrumentation.into();
    }

    /// Does nothing, because the server prepares a statement each time.
    fn set_prepared_statement_cache_size(&mut self, _: CacheSize) {}
}

impl LoadConnection for NeonHttpConnection {
    type Cursor<'conn, 'query> = NeonCursor;
    type Row<'conn, 'query> = NeonRow;

    fn load<'conn, 'query, T>(&'conn mut self, source: T) -> QueryResult<NeonCursor>
    where
        T: Query + QueryFragment<Pg> + QueryId + 'query,
        Pg: QueryMetadata<T::SqlType>,
    {
        self.watched(&diesel::debug_query::<Pg, _>(&source), |conn| {
            let statement = conn.statement(&source)?;
            let facts = checked(&statement.query, false)?;
            conn.link
                .query(&statement, facts.only_reads)
                .map(NeonCursor::from)
        })
    }
}

impl R2D2Connection for NeonHttpConnection {
    /// Does nothing and costs nothing: every request is independent, so nothing can be lost between
    /// two of them that a round trip would detect.
    fn ping(&mut self) -> QueryResult<()> {
        Ok(())
    }

    fn is_broken(&mut self) -> bool {
        false
    }
}

impl MigrationConnection for NeonHttpConnection {
    fn setup(&mut self) -> QueryResult<usize> {
        diesel::sql_query(diesel::migration::CREATE_MIGRATIONS_TABLE).execute(self)
    }
}
