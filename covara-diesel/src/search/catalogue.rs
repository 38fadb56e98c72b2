//! Creation, lookup, change and removal of indexes.

use std::time::Duration;

use diesel::query_builder::QueryFragment;

use super::definition::IndexDefinition;
use super::engine::{FollowEngine, IndexEngine, SearchEngine};
use super::entry::{Entry, EntryRow};
use super::error::SearchError;
use super::reindex::{self, Columns, Reindexed};
use crate::backend::connection::BackendConnection;
use crate::backend::engine::Engine as _;
use crate::backend::sql::Sql;
use crate::backend::transaction::Transaction;

/// Executes statements, all or none of them, and returns the number of rows that each changed.
pub(super) fn atomically<C>(conn: &mut C, statements: &[Sql<'_>]) -> Result<Vec<usize>, SearchError>
where
    C: BackendConnection<Backend: SearchEngine>,
{
    let statements: Vec<&dyn QueryFragment<C::Backend>> = statements
        .iter()
        .map(|statement| statement as &dyn QueryFragment<C::Backend>)
        .collect();
    conn.atomically(&statements).map_err(SearchError::from)
}

/// Begins a transaction that excludes other writers. It waits for locks as long as the connection
/// is configured to.
pub(super) fn begin_write<C>(conn: &mut C) -> Result<Transaction<'_, C>, SearchError>
where
    C: BackendConnection<Backend: SearchEngine>,
{
    Transaction::begin(conn, |conn| conn.begin_write(Duration::ZERO)).map_err(SearchError::from)
}

fn row<C>(conn: &mut C, name: &str) -> Result<Option<EntryRow>, SearchError>
where
    C: BackendConnection<Backend: SearchEngine>,
{
    // No index can have such a name, and PostgreSQL does not accept NUL.
    if name.contains('\0') {
        return Ok(None);
    }
    C::Backend::read_entry(conn, name)
}

pub(super) fn find<C>(conn: &mut C, name: &str) -> Result<Option<Entry>, SearchError>
where
    C: BackendConnection<Backend: SearchEngine>,
{
    let row = row(conn, name)?;
    row.filter(|row| row.ready)
        .map(|row| Entry::new(name, row, C::Backend::DIALECT))
        .transpose()
}

/// Returns the index with that number.
pub(super) fn numbered<C>(conn: &mut C, number: i64) -> Result<Option<Entry>, SearchError>
where
    C: BackendConnection<Backend: SearchEngine>,
{
    let name = C::Backend::name_of(conn, number)?;
    name.map_or(Ok(None), |name| find(conn, &name))
}

/// Creates an index unless it exists with these fields, and returns whether it is new.
///
/// An index created by an older version of this library is brought up to date.
///
/// The name is registered first, because the tables are named after the number that it gets. If a
/// process is stopped in between, the name has no tables yet, and the next call completes them.
pub(super) fn create<C>(
    conn: &mut C,
    name: &str,
    definition: &IndexDefinition,
) -> Result<(Entry, bool), SearchError>
where
    C: BackendConnection<Backend: SearchEngine>,
{
    let mut found = row(conn, name)?;
    if let (false, Some(followed)) = (
        found.as_ref().is_some_and(|row| row.ready),
        &definition.table,
    ) {
        // Otherwise the index would stay, and differ from that of the corrected struct.
        C::Backend::check_columns(conn, followed)?;
        if !C::Backend::has_table(conn, &followed.table)? {
            return Err(SearchError::NotATable {
                table: followed.table.clone(),
            });
        }
    }
    if found.is_none() {
        let catalogue = C::Backend::create_catalogue(conn)?;
        atomically(conn, &[Entry::reserve(&catalogue, name, definition)])?;
        found = row(conn, name)?;
    }
    let missing = || SearchError::UnknownIndex {
        index: name.to_owned(),
    };
    let found = found.ok_or_else(missing)?;
    let mut new = false;
    if !found.ready {
        found.refuse_strangers(definition)?;
        let entry = Entry::of(found.number, name, definition.clone(), None).at(found.home);
        let mut statements: Vec<Sql<'_>> = C::Backend::lock(&entry).into_iter().collect();
        statements.extend(C::Backend::create(&entry, conn.is_remote()));
        statements.push(entry.set_ready());
        match atomically(conn, &statements) {
            Ok(changed) => new = changed.last() == Some(&1),
            // Another process may have created the index first.
            Err(error) => {
                find(conn, name)?.ok_or(error)?;
            }
        }
    }
    let entry = find(conn, name)?.ok_or_else(missing)?;
    let same =
        entry.definition.fields == definition.fields && entry.definition.table == definition.table;
    if !same {
        return Err(SearchError::IndexDiffers {
            index: name.to_owned(),
        });
    }
    let entry = reindex::current(conn, entry, Columns::Add, &mut Reindexed::default())?;
    Ok((entry, new))
}

/// Lets an index follow the table, key and columns of `definition` if those that it followed no
/// longer exist, and returns whether this changed the index. [`create`] checks whether its fields
/// are the same.
pub(super) fn adopt_table<C>(
    conn: &mut C,
    name: &str,
    definition: &IndexDefinition,
) -> Result<bool, SearchError>
where
    C: BackendConnection<Backend: SearchEngine>,
{
    let Some(entry) = find(conn, name)? else {
        return Ok(false);
    };
    let (Some(old), Some(new)) = (&entry.definition.table, &definition.table) else {
        return Ok(false);
    };
    if old == new || entry.definition.fields != definition.fields {
        return Ok(false);
    }
    // Two structs whose indexes have the same name must not take the index from each other.
    if old.table != new.table && C::Backend::has_table(conn, &old.table)? {
        return Ok(false);
    }
    let mut adopted = entry.definition.clone();
    adopted.table.clone_from(&definition.table);
    let changed = atomically(conn, &[entry.set_table(&adopted)])?;
    Ok(changed.last() == Some(&1))
}

pub(super) fn delete<C>(conn: &mut C, name: &str) -> Result<bool, SearchError>
where
    C: BackendConnection<Backend: SearchEngine>,
{
    let Some(row) = row(conn, name)? else {
        return Ok(false);
    };
    let ready = row.ready;
    let entry = Entry::new(name, row, C::Backend::DIALECT)?;
    let mut statements = if ready {
        C::Backend::remove(&entry)
    } else {
        Vec::new()
    };
    statements.push(entry.remove());
    atomically(conn, &statements)?;
    Ok(ready)
}

pub(super) fn add_fields<C>(
    conn: &mut C,
    name: &str,
    added: &IndexDefinition,
) -> Result<(), SearchError>
where
    C: BackendConnection<Backend: SearchEngine>,
{
    loop {
        let entry = find(conn, name)?.ok_or_else(|| SearchError::UnknownIndex {
            index: name.to_owned(),
        })?;
        let first = entry.definition.fields.len();
        let mut definition = entry.definition.clone();
        definition.fields.extend(added.fields.iter().cloned());
        definition.version += 1;
        if !entry.definition.is_outdated() {
            definition = definition.current();
        }
        definition.check()?;
        let changed = Entry::of(entry.number, name, definition, None).at(entry.home.clone());
        let mut statements: Vec<Sql<'_>> = C::Backend::lock(&changed).into_iter().collect();
        let at = statements.len();
        statements.push(entry.set_definition(&changed.definition));
        statements.extend(C::Backend::extend(&changed, first));
        let room = C::Backend::make_room(conn, &changed)?;
        let change = |conn: &mut C| {
            let counts = atomically(conn, &statements)?;
            Ok(counts.get(at) == Some(&1))
        };
        let changed = if room.is_empty() {
            change(conn)
        } else {
            change_and_reindex(conn, name, change, &room)
        };
        match changed {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(error) => {
                // Another process may have added fields meanwhile. These fields then come after
                // them.
                let now = find(conn, name)?.map(|now| now.definition);
                if now.is_none_or(|now| now == entry.definition) {
                    return Err(error);
                }
            }
        }
    }
}

/// Performs both steps, or neither if `change` found nothing to change.
fn change_and_reindex<C>(
    conn: &mut C,
    name: &str,
    change: impl FnOnce(&mut C) -> Result<bool, SearchError>,
    room: &[Sql<'_>],
) -> Result<bool, SearchError>
where
    C: BackendConnection<Backend: SearchEngine>,
{
    let mut transaction = begin_write(conn)?;
    let conn = transaction.conn();
    if !change(conn)? {
        return Ok(false);
    }
    atomically(conn, room)?;
    while let Some(entry) = find(conn, name)? {
        if reindex::step(
            conn,
            &entry,
            usize::MAX,
            Columns::Leave,
            &mut Reindexed::default(),
        )? == 0
        {
            break;
        }
    }
    transaction.commit()?;
    Ok(true)
}
