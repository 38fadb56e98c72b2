//! Seeds over a connection without transactions: rows are gathered into batches, each of which is
//! written completely or not at all.

use diesel::QueryResult;
use diesel::result::Error;

use super::state::{BatchStatement, BatchStep, Run};
use super::violations::{is_foreign_key, is_row_twice, is_unique, violated};
use crate::backend::batch::Batch;
use crate::backend::connection::BackendConnection;
use crate::seed::conflict::OnConflict;
use crate::seed::deferral::Deferral;
use crate::seed::engine::{Forward, SeedEngine};
use crate::seed::error::SeedError;
use crate::seed::foreign_key::ForeignKey;
use crate::seed::report::SeedProgress;
use crate::seed::target::unquoted;

impl<C: BackendConnection<Backend: SeedEngine>> Run<'_, '_, C> {
    /// Sends the gathered statements. `last`: no row comes after them.
    pub(super) fn send(&mut self, last: bool) -> Result<(), SeedError> {
        if self.batches.is_some() {
            let stopped = self.check_stop(last);
            stopped.map_err(|error| self.with_what_is_kept(error))?;
        }
        let (Some(batches), Some(next)) = (&mut self.batches, self.conn.new_batch()) else {
            return Ok(());
        };
        let mut batch = std::mem::replace(&mut batches.batch, next);
        let changed = self.try_send(&mut batch);
        let Some(batches) = &mut self.batches else {
            return Ok(());
        };
        match changed {
            Ok(changed) => {
                batches.sent += usize::from(!batches.statements.is_empty());
                let mut first_table = batches.tables.len();
                for (statement, changed) in batches.statements.drain(..).zip(changed) {
                    let BatchStatement {
                        table, first, rows, ..
                    } = statement;
                    let counts = &mut batches.counts[table];
                    match statement.step {
                        BatchStep::Insert => {
                            counts.inserted += changed;
                            batches.kept[table] += rows;
                        }
                        BatchStep::Update => counts.updated += changed,
                        BatchStep::Delete => batches.deleted[table] += changed,
                        BatchStep::Forget | BatchStep::Prepare | BatchStep::CheckEmpty => {}
                    }
                    if let Some(Some(positions)) = self.positions.get(table) {
                        positions.forget_before(first + rows);
                    }
                    first_table = first_table.min(table);
                }
                self.report_batch(first_table);
                Ok(())
            }
            Err(error) => {
                let error = self.refused_in_batch(&mut batch, error, last);
                Err(self.with_what_is_kept(error))
            }
        }
    }

    /// Sends a batch, and once more row by row if the rows of an update are in each other's way.
    fn try_send(&mut self, batch: &mut C::Batch) -> QueryResult<Vec<usize>> {
        let changed = self.try_send_deferred(batch);
        match changed {
            Err(error) if (is_unique(&error) || is_row_twice(&error)) && self.take_apart(batch) => {
                self.try_send_deferred(batch)
            }
            changed => changed,
        }
    }

    /// Makes an update's batch apply its rows one after the other, as values that are in the way of
    /// rows may be updated before their turn. Returns whether that may help.
    fn take_apart(&mut self, batch: &mut C::Batch) -> bool {
        let Some(batches) = &mut self.batches else {
            return false;
        };
        if self.on_conflict != OnConflict::Update || batches.statements.iter().all(|it| it.rows < 2)
        {
            return false;
        }
        let mut apart = Vec::new();
        let mut groups = Vec::new();
        for of_rows in batches
            .statements
            .chunk_by(|a, b| a.first == b.first && a.table == b.table)
        {
            let rows = of_rows[0].rows;
            groups.push((of_rows.len(), rows));
            if rows == 0 {
                apart.extend(of_rows);
            }
            for row in 0..rows {
                apart.extend(of_rows.iter().map(|statement| BatchStatement {
                    first: statement.first + row,
                    rows: 1,
                    ..*statement
                }));
            }
        }
        let is_apart = batch.take_apart(&groups);
        if is_apart {
            batches.statements = apart;
        }
        is_apart
    }

    /// Sends a batch, and once more with its foreign keys deferred if a row refers to nothing that
    /// a later row of the batch may be.
    fn try_send_deferred(&mut self, batch: &mut C::Batch) -> QueryResult<Vec<usize>> {
        if let Some(by) = self.batches.as_ref().and_then(|batches| batches.deferral) {
            self.defer(batch, by)?;
            return batch.try_send(self.conn);
        }
        let changed = batch.try_send(self.conn);
        match (changed, C::Backend::forward::<C>()) {
            (Err(error), Forward::Deferred(by)) if is_foreign_key(&error) => {
                let tables = self.tables_of_batch();
                let mut tables = tables.into_iter();
                if !tables.any(|table| violated(&self.patient_keys(table), &error).is_some()) {
                    return Err(error);
                }
                if let Some(batches) = &mut self.batches {
                    batches.deferral = Some(by);
                }
                self.defer(batch, by)?;
                batch.try_send(self.conn)
            }
            (Err(error), Forward::Staged(_)) if is_foreign_key(&error) => {
                match self.join(batch, &error)? {
                    true => batch.try_send(self.conn),
                    false => Err(error),
                }
            }
            (changed, _) => changed,
        }
    }

    /// Makes the inserts into each table one statement and defers the foreign keys that can be, if
    /// the error is about a row that refers to one that a later row of the batch may be. Returns
    /// whether that may help.
    fn join(&mut self, batch: &mut C::Batch, error: &Error) -> QueryResult<bool> {
        let tables = self.tables_of_batch().into_iter();
        let keys: Vec<ForeignKey> = tables.flat_map(|table| self.patient_keys(table)).collect();
        let Some(batches) = &mut self.batches else {
            return Ok(false);
        };
        let by_turns = |it: &BatchStatement| it.step == BatchStep::Forget;
        if violated(&keys, error).is_none() || batches.statements.iter().any(by_turns) {
            return Ok(false);
        }
        let deferrable = keys.iter().filter(|key| key.is_deferrable);
        let deferrable: Vec<&str> = deferrable.map(|key| key.sql_name.as_str()).collect();
        let begin = match deferrable.is_empty() {
            true => String::new(),
            false => format!("SET CONSTRAINTS {} DEFERRED", deferrable.join(", ")),
        };
        let mut joined = Vec::new();
        let mut groups = Vec::new();
        let all: Vec<(usize, &BatchStatement)> = batches.statements.iter().enumerate().collect();
        // All rows are inserted before any of them is updated, and may refer to each other.
        let is_of_rows = |it: &BatchStatement| it.rows > 0;
        for of_table in
            all.chunk_by(|(_, a), (_, b)| a.table == b.table && is_of_rows(a) && is_of_rows(b))
        {
            let is_insert = |it: &(usize, &BatchStatement)| it.1.step == BatchStep::Insert;
            let inserts = of_table.iter().copied().filter(is_insert);
            let (places, inserts): (Vec<usize>, Vec<&BatchStatement>) = inserts.unzip();
            if let [first, ..] = inserts[..] {
                groups.push(places);
                joined.push(BatchStatement {
                    rows: inserts.iter().map(|statement| statement.rows).sum(),
                    ..*first
                });
            }
            for (at, statement) in of_table.iter().copied().filter(|it| !is_insert(it)) {
                groups.push(vec![at]);
                joined.push(*statement);
            }
        }
        let is_joined = batch.join(&begin, &groups)?;
        if is_joined {
            batches.statements = joined;
        }
        Ok(is_joined)
    }

    /// Defers the foreign keys of a batch to its end.
    pub(super) fn defer(&mut self, batch: &mut C::Batch, by: &dyn Deferral<C>) -> QueryResult<()> {
        let mut violations = Vec::new();
        for table in self.tables_of_batch() {
            let sql_name = self.tables[table].clone();
            let keys = self.foreign_keys(table).iter();
            violations.extend(
                keys.map(|key| format!("{} IS NOT NULL", by.dangling_values(&sql_name, key))),
            );
        }
        let is_violated = match violations.is_empty() {
            true => "false".to_owned(),
            false => violations.join(" OR "),
        };
        batch.defer(by.begin(), &is_violated)
    }

    /// Returns the positions of the tables that have rows in the batch.
    pub(super) fn tables_of_batch(&self) -> Vec<usize> {
        let batches = self.batches.as_ref();
        let statements = batches.map_or(&[][..], |batches| &batches.statements);
        let mut tables: Vec<usize> = statements.iter().map(|it| it.table).collect();
        tables.dedup();
        tables
    }

    /// Reports the progress of the tables with rows in a batch, `first` and those after it.
    fn report_batch(&mut self, first: usize) {
        if let (Some(report), Some(batches)) = (&mut self.progress, &self.batches) {
            let tables = batches.tables.iter().zip(&batches.kept).skip(first);
            let tables = tables.zip(self.extents.iter().skip(first));
            // A table without rows has an empty name.
            for ((table, rows), extent) in tables.filter(|((table, _), _)| !table.is_empty()) {
                report(&SeedProgress {
                    rows: *rows,
                    ..SeedProgress::new(unquoted(table), extent)
                });
            }
        }
    }

    /// Adds to an error that the rows of earlier batches are kept, if there are any.
    pub(super) fn with_what_is_kept(&self, error: SeedError) -> SeedError {
        let batches = self.batches.as_ref();
        match batches.map_or(0, |batches| batches.kept.iter().sum()) {
            0 => error,
            _ if matches!(error, SeedError::Partial { .. }) => error,
            rows => SeedError::Partial {
                rows,
                source: Box::new(error),
            },
        }
    }

    /// Fills in the counts that are known only after the last batch was sent.
    pub(super) fn count_batches(&mut self) {
        let Some(batches) = self.batches.take() else {
            self.summary.transactions = 1;
            return;
        };
        self.summary.transactions = batches.sent;
        for (table, counts) in self.summary.tables.iter_mut().zip(batches.counts) {
            table.count(counts, self.on_conflict);
        }
        for (table, deleted) in self.summary.tables.iter_mut().zip(batches.deleted) {
            table.deleted = deleted;
        }
    }
}
