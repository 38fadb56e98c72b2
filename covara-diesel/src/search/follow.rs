//! Indexes that follow a table.

use diesel::query_builder::{QueryBuilder, QueryFragment};

use super::adapter::SearchEngine;
use super::catalogue::{self, atomically};
use super::definition::{FollowedTable, check_name};
use super::engine::{Cause, FollowEngine, IndexEngine};
use super::entry::Entry;
use super::error::SearchError;
use super::refresh;
use super::searchable::Searchable;
use crate::backend::connection::BackendConnection;
use crate::backend::transaction::Transaction;

/// The outcome of [`SearchAdapter::follow`](super::SearchAdapter::follow).
///
/// ```
/// # use covara_diesel::pool;
/// use covara_diesel::search::{Cause, Followed, SearchAdapter, Searchable, SqliteFts};
/// # use diesel::connection::SimpleConnection;
/// # diesel::table! {
/// #     cities (id) {
/// #         id -> BigInt,
/// #         name -> Text,
/// #     }
/// # }
/// # #[derive(Searchable)]
/// # #[diesel(table_name = cities)]
/// # struct City {
/// #     #[searchable(id)]
/// #     id: i64,
/// #     #[searchable(text)]
/// #     name: String,
/// # }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let pool = pool::sqlite(":memory:")?;
/// # let conn = &mut pool.get()?;
/// # conn.batch_execute("CREATE TABLE cities (id BIGINT PRIMARY KEY NOT NULL, name TEXT NOT NULL)")?;
/// assert_eq!(SqliteFts.follow::<_, City>(conn)?, Followed::Created);
/// assert_eq!(SqliteFts.follow::<_, City>(conn)?, Followed::Unchanged);
///
/// conn.batch_execute(
///     "CREATE TABLE new (id BIGINT PRIMARY KEY NOT NULL, name TEXT NOT NULL);
///      INSERT INTO new SELECT * FROM cities;
///      DROP TABLE cities;
///      ALTER TABLE new RENAME TO cities",
/// )?;
/// assert_eq!(SqliteFts.follow::<_, City>(conn)?, Followed::Mended(Cause::Table));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Followed {
    /// The index is new and contains all rows of the table.
    Created,
    /// The index follows its table as before.
    Unchanged,
    /// The index had stopped following its table. It now follows it again, and all rows were
    /// indexed again.
    Mended(Cause),
}

impl Followed {
    /// Returns whether the index is new.
    #[must_use]
    pub fn is_created(self) -> bool {
        self == Self::Created
    }

    /// Returns why all rows were indexed again, or `None` if they were not.
    #[must_use]
    pub fn cause(self) -> Option<Cause> {
        match self {
            Self::Mended(cause) => Some(cause),
            Self::Created | Self::Unchanged => None,
        }
    }
}

pub(super) fn follow<C, T>(conn: &mut C) -> Result<Followed, SearchError>
where
    C: BackendConnection<Backend: SearchEngine>,
    T: Searchable,
    T::Table: QueryFragment<C::Backend>,
{
    let mut sql = <C::Backend as diesel::backend::Backend>::QueryBuilder::default();
    T::Table::default().to_sql(
        &mut sql,
        &<C::Backend as crate::backend::engine::Engine>::backend(),
    )?;
    let mut definition = T::definition();
    definition.table = Some(FollowedTable {
        table: sql.finish(),
        key: T::key().to_owned(),
        columns: T::columns().into_iter().map(str::to_owned).collect(),
    });
    check_name(T::INDEX, "index")?;
    definition.check()?;
    let renamed = catalogue::adopt_table(conn, T::INDEX, &definition)?;
    let (mut entry, new) = catalogue::create(conn, T::INDEX, &definition)?;
    let cause = if renamed {
        mend_or_mark(conn, &mut entry)?;
        Some(Cause::Renamed)
    } else {
        mend(conn, &mut entry)?
    };
    refresh::all(conn, &entry)?;
    Ok(match cause {
        _ if new => Followed::Created,
        Some(cause) => Followed::Mended(cause),
        None => Followed::Unchanged,
    })
}

/// Indexes all rows again and returns how many.
pub(super) fn rebuild<C>(conn: &mut C, mut entry: Entry) -> Result<usize, SearchError>
where
    C: BackendConnection<Backend: SearchEngine>,
{
    if entry.definition.table.is_none() {
        return Err(SearchError::FollowsNothing { index: entry.name });
    }
    entry.keep_table();
    mend_or_mark(conn, &mut entry)?;
    refresh::all(conn, &entry)
}

/// Repairs notes and triggers, or notes all rows if the notes and triggers are intact.
fn mend_or_mark<C>(conn: &mut C, entry: &mut Entry) -> Result<(), SearchError>
where
    C: BackendConnection<Backend: SearchEngine>,
{
    if mend(conn, entry)?.is_none() {
        atomically(conn, &C::Backend::note_all(entry))?;
    }
    Ok(())
}

/// Repairs notes and triggers and notes all rows, unless they are intact. Returns what was wrong.
fn mend<C>(conn: &mut C, entry: &mut Entry) -> Result<Option<Cause>, SearchError>
where
    C: BackendConnection<Backend: SearchEngine>,
{
    let Some(mending) = C::Backend::examine(conn, entry)? else {
        return Ok(None);
    };
    let cause = if conn.is_transactional() {
        mend_locked(conn, entry)?
    } else {
        atomically(conn, &mending.statements)?;
        Some(mending.cause)
    };
    // The location of the triggers may have changed.
    if let Some(found) = catalogue::find(conn, &entry.name)? {
        entry.home = found.home;
    }
    Ok(cause)
}

/// Repairs notes and triggers in a transaction that excludes other repairs.
fn mend_locked<C>(conn: &mut C, entry: &Entry) -> Result<Option<Cause>, SearchError>
where
    C: BackendConnection<Backend: SearchEngine>,
{
    let begin = |conn: &mut C| conn.begin_read_committed();
    let mut transaction = Transaction::begin(conn, begin)?;
    let conn = transaction.conn();
    if let Some(lock) = C::Backend::lock(entry) {
        conn.execute_returning_count(&lock)?;
    }
    // Another process may have repaired them first.
    let mending = C::Backend::examine(conn, entry)?;
    for statement in mending.iter().flat_map(|mending| &mending.statements) {
        conn.execute_returning_count(statement)?;
    }
    transaction.commit()?;
    Ok(mending.map(|mending| mending.cause))
}

/// Repairs indexes that earlier versions of this library created, as far as the connection can, for
/// a boot that found some. `notes` are names that begin like those of their notes.
pub(crate) fn mend_outdated<C>(conn: &mut C, notes: &[String])
where
    C: BackendConnection<Backend: SearchEngine>,
{
    for name in notes {
        let Some(number) = name.split('_').find_map(|part| part.parse().ok()) else {
            continue;
        };
        // An error is ignored: `follow` will report it.
        let _ = apart(conn, |conn| {
            let Some(mut entry) = catalogue::numbered(conn, number)? else {
                return Ok(());
            };
            let _ = atomically(conn, &C::Backend::protect(&entry));
            let _ = apart(conn, |conn| mend(conn, &mut entry));
            Ok(())
        });
    }
}

/// Runs `work` in a transaction of its own, if the connection supports transactions, so that a
/// failure does not affect the caller's transaction.
fn apart<C, T>(
    conn: &mut C,
    work: impl FnOnce(&mut C) -> Result<T, SearchError>,
) -> Result<T, SearchError>
where
    C: BackendConnection<Backend: SearchEngine>,
{
    if !conn.is_transactional() {
        return work(conn);
    }
    let begin = |conn: &mut C| conn.begin_read_committed();
    let mut transaction = Transaction::begin(conn, begin)?;
    let done = work(transaction.conn())?;
    transaction.commit()?;
    Ok(done)
}
