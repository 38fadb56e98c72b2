//! Indexes that follow a table.

use diesel::query_builder::{QueryBuilder, QueryFragment};

use super::catalogue::{self, atomically, of};
use super::definition::{FollowedTable, check_name};
use super::engine::{Cause, SearchEngine};
use super::entry::Entry;
use super::error::SearchError;
use super::refresh;
use super::searchable::Searchable;
use crate::backend::connection::DatabaseConnection;
use crate::backend::transaction::Transaction;

/// What [`SearchAdapter::follow`](super::SearchAdapter::follow) found and did.
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
    /// The index is new. All rows of the table are in it now.
    Created,
    /// The index follows its table as it did before.
    Unchanged,
    /// The index had stopped following its table. Now it follows it again, and all rows were
    /// indexed anew.
    Mended(Cause),
}

impl Followed {
    /// Whether the index is new.
    #[must_use]
    pub fn is_created(self) -> bool {
        self == Self::Created
    }

    /// Why all rows were indexed anew, if they were.
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
    C: DatabaseConnection<Backend: SearchEngine>,
    T: Searchable,
    T::Table: QueryFragment<C::Backend>,
{
    let mut sql = <C::Backend as diesel::backend::Backend>::QueryBuilder::default();
    T::Table::default()
        .to_sql(
            &mut sql,
            &<C::Backend as crate::backend::engine::Engine>::backend(),
        )
        .map_err(of::<C>)?;
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

/// Indexes all rows again, and returns how many rows that were.
pub(super) fn rebuild<C>(conn: &mut C, mut entry: Entry) -> Result<usize, SearchError>
where
    C: DatabaseConnection<Backend: SearchEngine>,
{
    if entry.definition.table.is_none() {
        return Err(SearchError::FollowsNothing { index: entry.name });
    }
    entry.keep_table();
    mend_or_mark(conn, &mut entry)?;
    refresh::all(conn, &entry)
}

/// Makes notes and triggers as they must be, or notes all rows where they are.
fn mend_or_mark<C>(conn: &mut C, entry: &mut Entry) -> Result<(), SearchError>
where
    C: DatabaseConnection<Backend: SearchEngine>,
{
    if mend(conn, entry)?.is_none() {
        atomically(conn, &C::Backend::note_all(entry))?;
    }
    Ok(())
}

/// Makes notes and triggers as they must be and notes all rows, unless all is well. Returns
/// what was wrong.
fn mend<C>(conn: &mut C, entry: &mut Entry) -> Result<Option<Cause>, SearchError>
where
    C: DatabaseConnection<Backend: SearchEngine>,
{
    let Some(mending) = C::Backend::examine(conn, entry).map_err(of::<C>)? else {
        return Ok(None);
    };
    let cause = if conn.has_transactions() {
        mend_locked(conn, entry)?
    } else {
        atomically(conn, &mending.statements)?;
        Some(mending.cause)
    };
    // Where the triggers are now.
    if let Some(found) = catalogue::find(conn, &entry.name)? {
        entry.home = found.home;
    }
    Ok(cause)
}

/// Does the same where nobody else does it meanwhile.
fn mend_locked<C>(conn: &mut C, entry: &Entry) -> Result<Option<Cause>, SearchError>
where
    C: DatabaseConnection<Backend: SearchEngine>,
{
    let begin = |conn: &mut C| conn.begin_read_committed();
    let mut transaction = Transaction::begin(conn, begin).map_err(of::<C>)?;
    let conn = transaction.conn();
    if let Some(lock) = C::Backend::lock(entry) {
        conn.execute_returning_count(&lock).map_err(of::<C>)?;
    }
    // Somebody else may have been faster.
    let mending = C::Backend::examine(conn, entry).map_err(of::<C>)?;
    for statement in mending.iter().flat_map(|mending| &mending.statements) {
        conn.execute_returning_count(statement).map_err(of::<C>)?;
    }
    transaction.commit().map_err(of::<C>)?;
    Ok(mending.map(|mending| mending.cause))
}

/// Mends indexes that earlier versions of this library made, as far as the connection can, for
/// a boot that found some. `notes` are names that begin as those of their notes.
pub(crate) fn mend_outdated<C>(conn: &mut C, notes: &[String])
where
    C: DatabaseConnection<Backend: SearchEngine>,
{
    for name in notes {
        let Some(number) = name.split('_').find_map(|part| part.parse().ok()) else {
            continue;
        };
        // Whoever may not do it is told by `follow`.
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

/// Does `work` in a transaction where there are such, so that its failure spoils none of the
/// caller's.
fn apart<C, T>(
    conn: &mut C,
    work: impl FnOnce(&mut C) -> Result<T, SearchError>,
) -> Result<T, SearchError>
where
    C: DatabaseConnection<Backend: SearchEngine>,
{
    if !conn.has_transactions() {
        return work(conn);
    }
    let begin = |conn: &mut C| conn.begin_read_committed();
    let mut transaction = Transaction::begin(conn, begin).map_err(of::<C>)?;
    let done = work(transaction.conn())?;
    transaction.commit().map_err(of::<C>)?;
    Ok(done)
}
