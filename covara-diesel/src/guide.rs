//! Recipes for what most applications need, with examples to copy.
//!
//! - [Own writes and store calls in one transaction](#own-writes-and-store-calls-in-one-transaction)
//! - [One function for both backends](#one-function-for-both-backends)
//! - [Own migrations with `open()`](#own-migrations-with-open)
//! - [Joins with the internal tables](#joins-with-the-internal-tables)
//! - [Errors with thiserror and anyhow](#errors-with-thiserror-and-anyhow)
//! - [`spawn_blocking` in axum and actix](#spawn_blocking-in-axum-and-actix)
//! - [Slow-query logs](#slow-query-logs)
//! - [Seeds from files of other programs](#seeds-from-files-of-other-programs)
//! - [`diesel print-schema`](#diesel-print-schema)
//!
//! # Own writes and store calls in one transaction
//!
//! Every method of this library takes part in the transaction that is open on its connection.
//! [`write_transaction`](crate::write_transaction) begins one that may read first and then write.
//! Its error may be any type that implements `From<diesel::result::Error>`, as the errors of this
//! library do. An error rolls back everything:
//!
//! ```
//! use covara_diesel::auth::{AuthError, NewSession, SessionStore};
//! use covara_diesel::{AnyConnection, write_transaction};
//! use diesel::prelude::*;
//! # use covara_diesel::{auto_migrate, open};
//! # use diesel::connection::SimpleConnection;
//!
//! diesel::table! {
//!     people (id) { id -> Text, name -> Text, }
//! }
//!
//! /// Returns the value for the cookie.
//! fn sign_up(conn: &mut AnyConnection, id: &str, name: &str) -> Result<String, AuthError> {
//!     write_transaction(conn, |conn| {
//!         let session = SessionStore::new().create(conn, NewSession::new(id))?;
//!         diesel::insert_into(people::table)
//!             .values((people::id.eq(id), people::name.eq(name)))
//!             .execute(conn)?;
//!         Ok(session.id.expose().to_owned())
//!     })
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let mut conn = open(":memory:")?.get()?;
//! # auto_migrate(&mut conn)?;
//! # conn.batch_execute("CREATE TABLE people (id TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL)")?;
//! sign_up(&mut conn, "7", "Ada")?;
//! sign_up(&mut conn, "7", "Ada again").unwrap_err(); // the id is taken
//! // The session that the second call had created was rolled back.
//! assert_eq!(SessionStore::new().list_for_user(&mut conn, "7")?.len(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! D1 has no transactions, so there `write_transaction` and `transaction` return an error. Each store
//! method by itself is all or nothing there, and so is
//! `remote::RemoteConnection::batch` with your own statements; a store call cannot be part of a batch.
//!
//! # One function for both backends
//!
//! | the function takes | it may be called with | it may contain |
//! |---|---|---|
//! | `&mut AnyConnection` | what [`open`](crate::open) gives, or a typed connection in its variant | your own queries, and calls of this library |
//! | `&mut C` where `C: `[`AnyDatabase`](crate::AnyDatabase) | every connection | calls of this library; to search, `C` is also a `search::SearchDatabase`, and to seed structs of type `T`, `T: `[`AnySeedRow`](crate::seed::AnySeedRow)`<C>` |
//! | `&mut C` where `C: `[`DatabaseConnection`](crate::DatabaseConnection) | every typed connection | the same calls under the same bounds, and your own SQL by `batch_execute` |
//!
//! Write application code over [`AnyConnection`](crate::AnyConnection): a query is written once and
//! runs on whichever database the URL names. `match` on the connection for what only one database
//! understands:
//!
#![cfg_attr(feature = "postgres", doc = "```")]
#![cfg_attr(not(feature = "postgres"), doc = "```ignore")]
//! use covara_diesel::auth::{AuthError, purge};
//! use covara_diesel::{AnyConnection, AnyDatabase};
//! use diesel::connection::SimpleConnection;
//! use diesel::prelude::*;
//! # use covara_diesel::{auto_migrate, open};
//!
//! diesel::table! {
//!     notes (id) { id -> BigInt, text -> Text, }
//! }
//!
//! /// The same query on every database.
//! fn latest(conn: &mut AnyConnection) -> QueryResult<Option<String>> {
//!     notes::table.order(notes::id.desc()).select(notes::text).first(conn).optional()
//! }
//!
//! /// Another statement on each.
//! fn tidy(conn: &mut AnyConnection) -> QueryResult<()> {
//!     match conn {
//!         AnyConnection::Sqlite(conn) => conn.batch_execute("PRAGMA optimize"),
//!         AnyConnection::Postgres(conn) => conn.batch_execute("ANALYZE notes"),
//!         _ => Ok(()),
//!     }
//! }
//!
//! /// Calls of this library only: takes typed connections as well.
//! fn nightly<C: AnyDatabase>(conn: &mut C) -> Result<(), AuthError> {
//!     purge(conn).map(drop)
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let url = std::env::var("APP_DATABASE_URL").unwrap_or(":memory:".to_owned());
//! let mut conn = open(url)?.get()?;
//! # auto_migrate(&mut conn)?;
//! # conn.batch_execute("CREATE TABLE notes (id BIGINT PRIMARY KEY, text TEXT NOT NULL)")?;
//! # conn.batch_execute("INSERT INTO notes VALUES (1, 'bread'), (2, 'butter')")?;
//! assert_eq!(latest(&mut conn)?.as_deref(), Some("butter"));
//! tidy(&mut conn)?;
//! nightly(&mut conn)?;
//!
//! // A typed connection that the program has anyway.
//! let typed = SqliteConnection::establish(":memory:")?;
//! let mut any = AnyConnection::Sqlite(typed);
//! # any.batch_execute("CREATE TABLE notes (id BIGINT PRIMARY KEY, text TEXT NOT NULL)")?;
//! assert_eq!(latest(&mut any)?, None);
//! # Ok(())
//! # }
//! ```
//!
//! # Own migrations with `open()`
//!
//! [`Boot`](crate::Boot) takes your migrations for each dialect and runs those that fit the
//! database that the URL names. If the same SQL runs on both, give it twice; otherwise keep two
//! folders, such as `migrations/sqlite` and `migrations/postgres`:
//!
//! ```
//! use covara_diesel::{Boot, BootSummary, Dialect, MigrateError, any::AnyPooledConnection, open};
//! use diesel_migrations::{EmbeddedMigrations, embed_migrations};
//!
//! // In your program "migrations/sqlite" and "migrations/postgres".
//! const SQLITE: EmbeddedMigrations = embed_migrations!("examples/quickstart/migrations");
//! const POSTGRES: EmbeddedMigrations = embed_migrations!("examples/quickstart/migrations");
//!
//! fn boot(conn: &mut AnyPooledConnection) -> Result<BootSummary, MigrateError> {
//!     let boot = Boot::new()
//!         .migrations(Dialect::Sqlite, SQLITE)
//!         .migrations(Dialect::Postgres, POSTGRES);
//!     boot.run(conn)
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let pool = open(":memory:")?; // libsql:// and d1:// run those for SQLite
//! let first = boot(&mut pool.get()?)?;
//! assert_eq!(first.application, ["20261122000000"]);
//! assert!(boot(&mut pool.get()?)?.application.is_empty()); // nothing is pending
//! # Ok(())
//! # }
//! ```
//!
//! The history is Diesel's own, so `diesel migration run` and `diesel migration revert` go on
//! working beside it. Add `println!("cargo:rerun-if-changed=migrations");` to `build.rs`, or Cargo
//! does not notice that a migration was added.
//!
//! # Joins with the internal tables
//!
//! [`internal_schema!`](crate::internal_schema) makes the internal tables part of your own crate,
//! where `joinable!` and `allow_tables_to_appear_in_same_query!` compile. The two dialects differ in
//! the types of times (Unix seconds as `BigInt`, or `Timestamp` in UTC) and of the scopes of API keys
//! (`Text` or `Jsonb`). A query that uses neither is written once, with either schema:
//!
#![cfg_attr(feature = "postgres", doc = "```")]
#![cfg_attr(not(feature = "postgres"), doc = "```ignore")]
//! use chrono::{DateTime, Utc};
//! use covara_diesel::AnyConnection;
//! use diesel::prelude::*;
//! # use covara_diesel::{auth::{NewSession, SessionStore}, auto_migrate, open};
//! # use diesel::connection::SimpleConnection;
//!
//! diesel::table! {
//!     people (id) { id -> Text, name -> Text, }
//! }
//!
//! mod on_sqlite {
//!     use super::people;
//!     covara_diesel::internal_schema!(sqlite);
//!     diesel::joinable!(auth_sessions -> people (user_id));
//!     diesel::allow_tables_to_appear_in_same_query!(people, auth_sessions);
//! }
//!
//! mod on_postgres {
//!     use super::people;
//!     covara_diesel::internal_schema!(postgres);
//!     diesel::joinable!(auth_sessions -> people (user_id));
//!     diesel::allow_tables_to_appear_in_same_query!(people, auth_sessions);
//! }
//!
//! /// Without a time: one query for every database.
//! fn with_a_session(conn: &mut AnyConnection) -> QueryResult<Vec<String>> {
//!     use on_sqlite::auth_sessions;
//!     let joined = people::table.inner_join(auth_sessions::table);
//!     joined.select(people::name).distinct().order(people::name).load(conn)
//! }
//!
//! /// With a time: the same query, with each dialect's schema and type.
//! fn signed_in(conn: &mut AnyConnection, now: DateTime<Utc>) -> QueryResult<Vec<String>> {
//!     macro_rules! live {
//!         ($conn:expr, $schema:ident, $now:expr) => {{
//!             use $schema::auth_sessions;
//!             people::table
//!                 .inner_join(auth_sessions::table)
//!                 .filter(auth_sessions::expires_at.gt($now))
//!                 .select(people::name)
//!                 .distinct()
//!                 .order(people::name)
//!                 .load($conn)
//!         }};
//!     }
//!     match conn {
//!         AnyConnection::Postgres(conn) => live!(conn, on_postgres, now.naive_utc()),
//!         conn => live!(conn, on_sqlite, now.timestamp()),
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let url = std::env::var("APP_DATABASE_URL").unwrap_or(":memory:".to_owned());
//! # let mut conn = open(url)?.get()?;
//! # auto_migrate(&mut conn)?;
//! # conn.batch_execute("CREATE TABLE people (id TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL)")?;
//! # conn.batch_execute("INSERT INTO people VALUES ('7', 'Ada'), ('8', 'Grace')")?;
//! # SessionStore::new().create(&mut conn, NewSession::new("7"))?;
//! assert_eq!(with_a_session(&mut conn)?, ["Ada"]);
//! assert_eq!(signed_in(&mut conn, Utc::now())?, ["Ada"]);
//! assert!(signed_in(&mut conn, Utc::now() + chrono::TimeDelta::days(1000))?.is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! A program for one database needs one of the two modules. Session ids in the table are hashed, so
//! join on `user_id` and never show `auth_sessions::id` as a cookie. Read through these modules and
//! write through the stores.
//!
//! # Errors with thiserror and anyhow
//!
//! Every error is `Send`, `Sync` and `'static`. Its text says what to do, and the database's own
//! words are in its [`source`](std::error::Error::source), so nothing is printed twice. With
//! thiserror, `#[from]` lets `?` convert each:
//!
//! ```
//! use covara_diesel::auth::{AuthError, SessionStore};
//! use covara_diesel::pool::PoolError;
//! use covara_diesel::{AnyPool, ErrorKind, open};
//! use diesel::prelude::*;
//!
//! #[derive(Debug, thiserror::Error)]
//! enum AppError {
//!     #[error(transparent)]
//!     Auth(#[from] AuthError),
//!     #[error(transparent)]
//!     Pool(#[from] PoolError),
//!     /// Required by `transaction`; `?` on your own queries uses it as well.
//!     #[error("the database rejected a statement")]
//!     Query(#[from] diesel::result::Error),
//! }
//!
//! impl AppError {
//!     /// Returns the HTTP status to answer with.
//!     fn status(&self) -> u16 {
//!         match self {
//!             Self::Pool(_) => 503,
//!             Self::Auth(error) => match error.kind() {
//!                 Some(ErrorKind::Locked | ErrorKind::Conflict | ErrorKind::ConnectionLost) => 503,
//!                 _ => 500,
//!             },
//!             Self::Query(_) => 500,
//!         }
//!     }
//! }
//!
//! fn user_of(pool: &AnyPool, cookie: &str) -> Result<Option<String>, AppError> {
//!     let mut conn = pool.get()?;
//!     conn.transaction(|conn| {
//!         let session = SessionStore::new().find(conn, cookie)?;
//!         Ok(session.map(|session| session.user_id))
//!     })
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let pool = open(":memory:")?; // nobody has booted, so the tables are missing
//! assert_eq!(user_of(&pool, "some-id").unwrap_err().status(), 500);
//! # Ok(())
//! # }
//! ```
//!
//! anyhow needs no definitions. Name it as the transaction's error, and find the library's error by
//! `downcast_ref` where it matters:
//!
//! ```
//! use covara_diesel::auth::{AuthError, SessionStore};
//! use covara_diesel::{AnyPool, open};
//! use diesel::prelude::*;
//!
//! fn user_of(pool: &AnyPool, cookie: &str) -> anyhow::Result<Option<String>> {
//!     let mut conn = pool.get()?;
//!     conn.transaction::<_, anyhow::Error, _>(|conn| {
//!         let session = SessionStore::new().find(conn, cookie)?;
//!         Ok(session.map(|session| session.user_id))
//!     })
//! }
//!
//! # fn main() -> anyhow::Result<()> {
//! let error = user_of(&open(":memory:")?, "some-id").unwrap_err();
//! assert!(error.downcast_ref::<AuthError>().is_some());
//! let with_causes = format!("{error:#}"); // for the log
//! assert!(with_causes.contains("no such table: auth_sessions"));
//! # Ok(())
//! # }
//! ```
//!
//! The library's own texts hold no password, id, key or token. The database's words may quote a
//! value of yours, such as the key of a duplicate row, so log them, but do not send them to clients.
//!
//! # `spawn_blocking` in axum and actix
//!
//! Everything here blocks: getting a connection, each statement, and the whole transaction. In async
//! code, clone the pool into a closure, do all the work of a request in it, and run it on the
//! runtime's threads for blocking work. This example uses tokio alone:
//!
//! ```
//! use covara_diesel::auth::{NewSession, SessionStore};
//! use covara_diesel::{AnyPool, auto_migrate, open};
//!
//! static SESSIONS: SessionStore = SessionStore::new();
//!
//! /// Blocks, and is tested without a runtime.
//! fn user_of(pool: &AnyPool, cookie: &str) -> anyhow::Result<Option<String>> {
//!     let session = SESSIONS.find_and_touch(&mut pool.get()?, cookie)?;
//!     Ok(session.map(|session| session.user_id))
//! }
//!
//! async fn handler(pool: AnyPool, cookie: String) -> anyhow::Result<Option<String>> {
//!     tokio::task::spawn_blocking(move || user_of(&pool, &cookie)).await?
//! }
//!
//! # fn main() -> anyhow::Result<()> {
//! let pool = open(":memory:")?;
//! auto_migrate(&mut pool.get()?)?;
//! let cookie = SESSIONS.create(&mut pool.get()?, NewSession::new("ada"))?.id;
//! let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! let user = runtime.block_on(handler(pool, cookie.expose().to_owned()))?;
//! assert_eq!(user.as_deref(), Some("ada"));
//! # Ok(())
//! # }
//! ```
//!
//! The pool is the state of the application. With `user_of` and `AppError` of the section on
//! thiserror, where `AppError` also converts tokio's `JoinError` or actix' `BlockingError` and is
//! turned into a response:
//!
//! ```text
//! // axum: Router::new().route("/me/{cookie}", get(me)).with_state(pool)
//! async fn me(State(pool): State<AnyPool>, Path(cookie): Path<String>) -> Result<String, AppError> {
//!     let user = tokio::task::spawn_blocking(move || user_of(&pool, &cookie)).await??;
//!     Ok(user.unwrap_or_default())
//! }
//!
//! // actix-web: App::new().app_data(web::Data::new(pool)).route("/me/{cookie}", web::get().to(me))
//! async fn me(pool: web::Data<AnyPool>, cookie: web::Path<String>) -> Result<String, AppError> {
//!     let user = web::block(move || user_of(&pool, &cookie)).await??;
//!     Ok(user.unwrap_or_default())
//! }
//! ```
//!
//! - Get the connection inside the closure and drop it there: a connection that is held across an
//!   `.await` is one that others wait for.
//! - At most [`max_size`](crate::AnyPool::max_size) closures work at once. Others wait for the
//!   connection time-out, and then fail with
//!   [`PoolError::Exhausted`](crate::pool::PoolError::Exhausted): answer with 503.
//! - A client that hangs up does not stop the closure. It commits or rolls back as if nothing had
//!   happened.
//! - Boot before the server listens, outside of the runtime.
//!
//! # Slow-query logs
//!
//! Diesel reports each statement to an instrumentation. Set a default one before the pool opens:
//! the pools of this library forward all events to it. Do not call `set_instrumentation` on a pooled
//! connection: it would replace the pool's own, which bounds waiting on PostgreSQL and ends
//! transactions that were left open.
//!
//! ```
//! use std::time::{Duration, Instant};
//!
//! use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};
//! # use covara_diesel::open;
//! # use diesel::prelude::*;
//! # static LOGGED: std::sync::Mutex<Vec<String>> = std::sync::Mutex::new(Vec::new());
//!
//! /// Logs statements that take at least `limit`.
//! struct SlowQueries {
//!     limit: Duration,
//!     begun: Option<Instant>,
//! }
//!
//! impl Instrumentation for SlowQueries {
//!     fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
//!         match event {
//!             InstrumentationEvent::StartQuery { .. } => self.begun = Some(Instant::now()),
//!             InstrumentationEvent::FinishQuery { query, .. } => {
//!                 let took = self.begun.take().map_or(Duration::ZERO, |begun| begun.elapsed());
//!                 if took >= self.limit {
//!                     // Diesel appends the values. Never log them.
//!                     let query = query.to_string();
//!                     let sql = query.split(" -- binds: ").next().unwrap_or_default();
//!                     log::warn!("{} ms: {sql}", took.as_millis());
//! #                   LOGGED.lock().unwrap().push(sql.to_owned());
//!                 }
//!             }
//!             _ => {}
//!         }
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! set_default_instrumentation(|| {
//! #   const SLOW: Duration = Duration::ZERO;
//! #   #[cfg(any())]
//!     const SLOW: Duration = Duration::from_millis(200);
//!     Some(Box::new(SlowQueries { limit: SLOW, begun: None }))
//! })?;
//! # let mut conn = open(":memory:")?.get()?;
//! # let query = diesel::dsl::sql::<diesel::sql_types::Text>("SELECT ");
//! # let query = query.bind::<diesel::sql_types::Text, _>("s3cret");
//! # assert_eq!(query.get_result::<String>(&mut conn)?, "s3cret");
//! # let logged = LOGGED.lock().unwrap();
//! # assert!(logged.iter().any(|sql| sql.starts_with("SELECT ")), "{logged:?}");
//! # assert!(!logged.iter().any(|sql| sql.contains("s3cret")), "{logged:?}");
//! # Ok(())
//! # }
//! ```
//!
//! Do not print:
//!
//! - the values after ` -- binds: `. The stores of `auth` hide theirs, but your own queries,
//!   seeds and searches show names, addresses and texts.
//! - the whole event, `{event:?}`: it contains the values, and when a connection is made the URL with
//!   its password.
//! - the text of the error in `FinishQuery`: PostgreSQL quotes values in it.
//!
//! SQL that you pass as text, to `batch_execute` or `sql_query`, appears as you wrote it. Bind
//! values instead of formatting them into it.
//!
//! # Seeds from files of other programs
//!
//! `Seed::fixture` and `covara seed` read CSV and NDJSON for a table without a struct. Try a file
//! first: `Seed::dry_run`, or `--dry-run`, does everything and rolls back.
//!
//! ```sh
//! covara seed --database-url app.db --dry-run --table users users.csv --leave-out '#1'
//! ```
//!
//! Each value goes in as it is, or is an error that names line, column and, where
//! there is one, the option that takes the file.
//!
//! | what pandas' `to_csv` writes | option |
//! |---|---|
//! | its index, whose header is empty | `--leave-out '#1'`, or `index=False` in pandas |
//! | nothing for NaN, `True` and `False`, `3.0` for whole numbers with gaps, `2024-01-01 00:00:00+00:00` | none |
//! | `NaN` with `na_rep="NaN"` | `--null NaN` |
//! | `sep=";"` | `--delimiter ';'` |
//! | `encoding="latin-1"`; UTF-16 needs none | `--encoding latin1` |
//! | other names of columns | `--column NAME=COLUMN` |
//!
//! A seed that runs again must find its rows by a unique column of the file. If the only unique column
//! is an id that the database generates, and the file does not have it, each run would insert the rows
//! again, and the file is refused as `NotRepeatable`. Add the id or a UNIQUE constraint, or say that
//! it runs once: `--on-conflict fail`, or `--replace`.
//!
//! If the ids are generated, a file cannot have those of other rows. It names these by another column:
//! `country_id@countries.code` has values of `countries.code`, and `country_id` gets the key of that
//! row, which is in the table or earlier in the same seed.
//!
//! ```text
//! name,country_id@countries.code
//! Oslo,NO
//! ```
//!
//! # `diesel print-schema`
//!
//! `diesel print-schema` and `diesel migration run` also write the internal tables to `schema.rs` if
//! the database has them: with other names of columns than this library's, and with types for one
//! dialect only. Exclude them in `diesel.toml`, and take them from
//! [`internal_schema!`](crate::internal_schema):
//!
//! ```toml
//! [print_schema]
//! file = "src/schema.rs"
//! filter = { except_tables = ["^auth_(sessions|accounts|api_keys|verification_tokens)$"] }
//! ```
//!
//! The names are regular expressions, which match any part of a name: without `^` and `$`, your own
//! table `auth_sessions_archive` would be missing as well. Tables whose names begin with `__` need
//! no filter, for Diesel leaves them out: `__covara_migrations` and the tables of search indexes.
