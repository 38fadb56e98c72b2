//! Looks up keys for rows of files that name others by another column.

use diesel::QueryResult;

use super::savepoint::nested;
use super::state::{TableRun, Writer};
use crate::backend::connection::BackendConnection;
use crate::backend::engine::Engine;
use crate::backend::row::SeedRow;
use crate::seed::conflict::OnConflict;
use crate::seed::engine::SeedEngine;
use crate::seed::error::SeedError;
use crate::seed::insert::NumberedRows;
use crate::seed::look_up::{FoundKeyValue, WantedKey};
use crate::seed::target::unquoted;

impl<C, T> TableRun<'_, '_, '_, C, T>
where
    C: BackendConnection<Backend: SeedEngine>,
    T: SeedRow<C::Backend>,
{
    /// Returns whether the seed fills the table that a foreign key of this table refers to.
    pub(crate) fn fills_parent(&mut self, foreign_key: usize) -> bool {
        let position = self.run.position();
        let keys = self.run.foreign_keys(position);
        keys.get(foreign_key)
            .is_some_and(|key| key.position.is_some())
    }

    /// Returns whether a foreign key of this table refers to the table itself.
    pub(crate) fn is_own_parent(&mut self, foreign_key: usize) -> bool {
        let position = self.run.position();
        let parent = self.run.foreign_keys(position).get(foreign_key);
        let parent = parent.and_then(|key| key.position);
        parent.is_some_and(|parent| self.run.tables[parent] == self.target.table)
    }

    /// Returns whether rows that are there may be changed.
    pub(crate) fn updates(&self) -> bool {
        self.run.on_conflict == OnConflict::Update
    }

    /// Returns whether tables are emptied in a batch that has not been sent.
    pub(crate) fn replaces_in_batch(&self) -> bool {
        self.run.replaces && self.run.batches.is_some()
    }

    /// Writes the rows that wait for others to be written with them, if the parent of one of the
    /// foreign keys may be among them.
    pub(crate) fn write_waiting(&mut self, foreign_keys: &[usize]) -> Result<(), SeedError> {
        let position = self.run.position();
        let keys = self.run.foreign_keys(position).to_vec();
        let keys = foreign_keys.iter().filter_map(|key| keys.get(*key));
        let parents: Vec<&String> = keys
            .filter_map(|key| self.run.tables.get(key.position?))
            .collect();
        if let Some(batches) = &self.run.batches {
            let mut statements = batches.statements.iter();
            let has_any = statements.any(|it| parents.contains(&&self.run.tables[it.table]));
            return match has_any {
                true => self.run.send(false),
                false => Ok(()),
            };
        }
        let is_own = parents.contains(&&self.target.table);
        match &self.writer {
            // Rows that wait for the last one stay in the stage.
            Writer::Staged(staged) if is_own && !staged.is_whole => self.insert_staged(false),
            _ => Ok(()),
        }
    }

    /// Returns the keys of the rows that have these values, each of which is a row of one column, for
    /// a foreign key of this table.
    pub(crate) fn look_up<V: SeedRow<C::Backend>>(
        &mut self,
        foreign_key: usize,
        wanted: &WantedKey,
        values: &[V::Row<'_>],
    ) -> QueryResult<Vec<FoundKeyValue>> {
        let values = NumberedRows::<V>(values);
        let waiting = self.in_stage(foreign_key, wanted);
        let is_nested = C::Backend::ERROR_ENDS_TRANSACTION && self.run.batches.is_none();
        let mut ask = |wanted: &WantedKey| {
            let ask = |conn: &mut C| C::Backend::look_up(conn, wanted, &values);
            match is_nested {
                true => nested(self.run.conn, ask),
                false => ask(self.run.conn),
            }
        };
        let mut found = ask(wanted)?;
        if let Some(waiting) = waiting {
            let is_new = |new: &FoundKeyValue| found.iter().all(|it| it.position != new.position);
            let staged: Vec<_> = ask(&waiting)?.into_iter().filter(is_new).collect();
            found.extend(staged);
        }
        Ok(found)
    }

    /// Returns where keys are found among the rows that wait in the stage for the last one, if those
    /// rows may be the ones referred to and have keys already.
    fn in_stage(&mut self, foreign_key: usize, wanted: &WantedKey) -> Option<WantedKey> {
        if !self.is_own_parent(foreign_key) {
            return None;
        }
        let WantedKey { by, key, .. } = wanted;
        let has = |quoted: &str| self.target.columns.contains(&unquoted(quoted));
        match &self.writer {
            Writer::Staged(staged) if staged.is_whole && has(by) && has(key) => Some(WantedKey {
                table: staged.stage.first_rows(by),
                by: by.clone(),
                key: key.clone(),
            }),
            _ => None,
        }
    }

    /// Returns the maximum number of values that one statement takes.
    pub(crate) fn most_values(&self) -> usize {
        self.run.conn.most_binds()
    }

    /// Returns an error that is no row's fault.
    pub(crate) fn failed(&self, source: diesel::result::Error) -> SeedError {
        self.interrupted(source)
    }
}
