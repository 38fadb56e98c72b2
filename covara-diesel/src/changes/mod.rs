//! A log of the changes of tables, in the database: every committed change, in order, exactly once.
//!
//! Triggers write the log in the transaction that makes a change, so the log has every committed
//! change, whoever made it: this program, another one, or somebody at the database's own shell; and
//! none that was rolled back. [`Feed`]s read it, each from where it stopped.
//!
//! ```
//! use covara_diesel::changes::{Capture, ChangeError, ChangeLog, Operation};
//! use covara_diesel::open;
//! use diesel::connection::SimpleConnection;
//!
//! diesel::table! {
//!     todos (id) {
//!         id -> BigInt,
//!         title -> Text,
//!         done -> Bool,
//!     }
//! }
//!
//! #[derive(serde::Deserialize)]
//! struct Todo {
//!     title: String,
//!     done: bool,
//! }
//!
//! fn log() -> ChangeLog {
//!     ChangeLog::new().table::<todos::table>(Capture::Rows)
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let pool = open(":memory:")?;
//! # let mut conn = pool.get()?;
//! # conn.batch_execute("CREATE TABLE todos (id BIGINT PRIMARY KEY NOT NULL, title TEXT NOT NULL,
//! #     done BOOLEAN NOT NULL)")?;
//! log().install(&mut conn)?; // on every boot, after migrations
//! conn.batch_execute("INSERT INTO todos VALUES (1, 'bread', FALSE)")?; // anybody
//! conn.batch_execute("UPDATE todos SET done = TRUE")?;
//!
//! let feed = log().feed("mailer");
//! feed.process(&mut conn, 100, |_conn, change| {
//!     if change.operation == Operation::Update {
//!         let todo: Todo = change.new_as()?;
//!         assert!(todo.done && todo.title == "bread");
//!     }
//!     Ok::<_, ChangeError>(())
//! })?;
//! assert!(feed.next(&mut conn, 100)?.is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! # Reading
//!
//! - [`Feed::process`] does work in the database: each change exactly once.
//! - [`Feed::next`] is for work elsewhere, such as sending: each change at least once.
//! - [`Feed::wait`] waits for changes.
//!
//! Changes of one row come in the order in which they were made, and so do those of one transaction.
//! Those of a single statement are the exception, as triggers see them when it has ended:
//!
//! - on PostgreSQL its deletions come first;
//! - what triggers of yours for each row, functions that the statement calls, and parts of a `WITH` write
//!   to rows that the statement writes, too, may come before the statement's own change of them;
//! - so may what foreign keys of a table to itself do `ON UPDATE` to rows whose keys it changes.
//!
//! If you have such statements, take a change as a reason to read the row again. A reader
//! never skips a change of a transaction that commits later than others: on PostgreSQL it waits for
//! those that have written to a logged table and still run, and only for those.
//!
//! [`ChangeLog::prune`] removes old changes. A feed that had not read them gets
//! [`ChangeError::Gap`], and never goes on without a word.
//!
//! # Rows as JSON
//!
//! With [`Capture::Rows`] a change has the row before and after as JSON objects, which
//! [`Change::new_as`] decodes for Diesel models that derive `Deserialize`. Texts, whole numbers and
//! floating-point numbers, dates and times are exact. Blobs are text of hexadecimal digits after `\x`;
//! PostgreSQL's `NUMERIC` is text, which serde can read with all its digits. On SQLite a column
//! declared as `BOOLEAN` has `true` and `false`, one declared as `TIMESTAMP` or `DATETIME` has a `T`
//! before the time, as serde's form of `chrono` wants, and one declared as `JSON` has its JSON. On
//! PostgreSQL, values of types that are not the server's own, such as enums, are the texts that the
//! server prints.
//!
//! A change whose rows are too large for the database once they are JSON has neither: with more than
//! 150,000,000 characters of text and bytes of blobs on SQLite, 300,000 on libSQL and D1, and 80,000,000
//! bytes a row on PostgreSQL. Read such a row by its key. A row with a JSON value that serde cannot read, such as `1e400`, is one text.
//!
//! # What triggers see
//!
//! The triggers never fail a write of yours. If they cannot describe a row, as after a column was
//! dropped on PostgreSQL, they log [`Operation::All`]. [`ChangeLog::install`] detects at the next
//! boot that a table was rebuilt, has other columns or partitions, or that triggers are missing,
//! repairs them, and logs [`Operation::All`] for the table. What changes a table itself changes no
//! row: a new column with a default, or on PostgreSQL a column that gets another type.
//!
//! On SQLite:
//!
//! - `REPLACE` inserts a row in the place of others, of which there is no deletion in the log unless
//!   `PRAGMA recursive_triggers` is on. Take an insertion of a known key as an update.
//! - `DROP COLUMN` is refused while a trigger with [`Capture::Rows`] names the column. Install a log
//!   without the table first, `ChangeLog::new().install(conn)`, or drop the table's triggers, which
//!   are named `__covara_changes_<table>_insert`, `_update`, `_move` and `_delete`.
//! - SQLite runs the youngest trigger first. After you create a trigger that writes to the rows that call
//!   it, install again.
//! - In a program whose own SQLite takes JSON functions for unsafe, as that of Debian 12 does, do not
//!   switch `PRAGMA trusted_schema` off: its writes to a logged table would fail.
//! - Dropping the table `__covara_changes` by hand makes writes fail until the next installation.
//!
//! On PostgreSQL:
//!
//! - The triggers work once for each statement, or for each row if the table has row triggers of
//!   yours. Restart or install again after you add the first of these, which may write to the rows of
//!   the statement that calls it.
//! - A partition is logged if it is written through its table, or existed at the last installation.
//!   A row that `MERGE` inserts into a partitioned table may be logged twice, as the server, 15 at
//!   least, gives it to two triggers.
//!   Replication applies rows without statement triggers, so logical replication into a logged table
//!   is not seen.
//! - The server empties an `UNLOGGED` table after a crash, without a word.
//! - A setting `covara_changes.muted` that is made for good, by `ALTER ROLE` or `ALTER DATABASE`, leaves
//!   everything out that roles write which may write to the log.
//! - `lastval()` is the number of a change after an insertion into a logged table. Read generated ids by
//!   `RETURNING`, as Diesel does, or by `currval`.
//! - The log is in the schema of the first `__covara_changes_tables` of the `search_path`, or in its
//!   first schema, and belongs to the role that installed it. A role that writes to the table needs no
//!   rights on the log; one that reads needs `SELECT` on `__covara_changes`,
//!   `__covara_changes_state` and the sequence `__covara_changes_number`, and all rights on
//!   `__covara_changes_feeds`; one that calls [`ChangeLog::without`] needs `INSERT` on
//!   `__covara_changes`.
//! - A feed cannot be read in a transaction that is repeatable read or serializable, nor on a standby
//!   server.
//! - A transaction that has written to a logged table delays all feeds until it ends. `covara doctor`
//!   names those that have been open for long. Server settings such as
//!   `idle_in_transaction_session_timeout` and `transaction_timeout` bound them.
//!
//! # Whom the log trusts
//!
//! On PostgreSQL a role that may write to a logged table, and neither to `__covara_changes` nor as the
//! table's owner, cannot keep a change out of the log or out of its place, whatever it sets, locks or
//! calls. It can delay feeds with a transaction that it keeps open, and name any actor: an
//! [actor](Change::actor) is a note of who writes, and no proof. The owner of a table can disable
//! its triggers.
//!
//! On SQLite, libSQL and D1 whoever may write to the database may write to the log.
//!
//! # Databases that are restored
//!
//! Dumps and copies of a whole database have the log, its feeds and its triggers, and feeds go on from
//! where the copy was made. Work that was done outside of the database since is done again. Call
//! [`ChangeLog::install`] after restoring: on PostgreSQL it mends the triggers, which know tables by
//! numbers that are others now, and logs [`Operation::All`], as it does after single tables were
//! restored. A reader that keeps its position itself has read numbers that will be given to other
//! changes: it is to read the tables again. [`ChangeLog::after`] notices as long as the log has
//! not come as far, with [`ChangeError::Ahead`].
//!
//! `pg_restore --data-only` into a database with a log fires its triggers, and restores the changes of
//! the dump beside those: leave the log out, with `--exclude-table-data='__covara_changes*'` when
//! dumping.
//!
//! On D1, which has no transactions, [`Feed::process`], [`ChangeLog::as_actor`] and
//! [`ChangeLog::without`] return errors.

mod batch;
mod change;
mod context;
mod decode;
mod engine;
mod error;
mod feed;
mod health;
mod install;
mod log;
mod pool;
mod prune;
mod read;
mod table;
mod wait;

pub use batch::ChangeBatch;
pub use change::{Change, Operation};
pub use engine::ChangeDatabase;
#[doc(hidden)]
pub use engine::ChangeEngine;
pub use error::ChangeError;
pub use feed::Feed;
pub use install::Installed;
pub use log::ChangeLog;
pub use pool::ChangePool;
pub use table::{Capture, LoggedTable};

#[cfg(feature = "sqlite")]
pub(crate) use engine::ChangeSignal;
pub(crate) use engine::{Context, InstallPlan, Left, ReadFrom};
pub(crate) use health::look;
pub(crate) use table::CapturedTable;
#[cfg(feature = "postgres")]
pub(crate) use wait::{Watched, until_change};

/// What is kept of a table that is no longer logged.
pub(crate) const OFF: &str = "off";
