//! Finds the row because of which a batch was refused.

use diesel::result::Error;

use super::state::{BatchStatement, BatchStep, Run};
use super::violations::{details, is_foreign_key, violated};
use crate::backend::batch::{Batch, Probe, is_of_a_statement};
use crate::backend::connection::BackendConnection;
use crate::seed::deferral::Deferral;
use crate::seed::engine::{Forward, SeedEngine};
use crate::seed::error::{SeedError, known};
use crate::seed::replace::refused;
use crate::seed::target::unquoted;

impl<C: BackendConnection<Backend: SeedEngine>> Run<'_, '_, C> {
    /// Returns the error of a batch that was refused, with the row that made it fail if it can be
    /// found.
    pub(super) fn refused_in_batch(
        &mut self,
        batch: &mut C::Batch,
        source: Error,
        last: bool,
    ) -> SeedError {
        let source = match known(source) {
            Ok(error) => return error,
            Err(source) if !is_of_a_statement(&source) => return source.into(),
            Err(source) => source,
        };
        let deferral = self.batches.as_ref().and_then(|batches| batches.deferral);
        if let Some(by) = deferral
            && is_foreign_key(&source)
        {
            return self.dangling_in_batch(batch, by, source, last);
        }
        if let Forward::Deferred(by) = C::Backend::forward::<C>()
            && !is_foreign_key(&source)
            && let Err(error) = self.defer(batch, by)
        {
            return error.into();
        }
        let at = batch.first(self.conn, Probe::Fails);
        let of_rows = at
            .and_then(|at| self.statement(at))
            .is_none_or(|it| it.rows > 0);
        let source = match C::Backend::forward::<C>() {
            // Of a row that was inserted, and not of one that was to be deleted.
            Forward::Staged(_) if of_rows && is_foreign_key(&source) => {
                match self.dangling_by_values(batch, source, last) {
                    Ok(error) => return error,
                    Err(source) => source,
                }
            }
            _ => source,
        };
        let Some(at) = at else {
            return source.into();
        };
        let Some(&BatchStatement {
            table,
            first,
            rows,
            step,
        }) = self.statement(at)
        else {
            return source.into();
        };
        if step == BatchStep::CheckEmpty {
            return SeedError::NotEmptied {
                table: unquoted(&self.tables[table]),
            };
        }
        if rows == 0 {
            return refused(&self.tables[table], source);
        }
        let name = unquoted(&self.tables[table]);
        let error = match batch.first_row(self.conn, at, rows, Probe::Fails) {
            Some(row) => SeedError::Row {
                table: name,
                row: first + row,
                position: None,
                source,
            },
            None => SeedError::Rows {
                table: name,
                first,
                last: first + rows - 1,
                position: None,
                source,
            },
        };
        self.located(table, error)
    }

    /// Returns what a statement of the batch is about.
    fn statement(&self, at: usize) -> Option<&BatchStatement> {
        self.batches.as_ref()?.statements.get(at)
    }

    /// Finds the first row that refers to nothing at the end of the batch.
    fn dangling_in_batch(
        &mut self,
        batch: &C::Batch,
        by: &dyn Deferral<C>,
        source: Error,
        last: bool,
    ) -> SeedError {
        let mut found: Option<((usize, usize), usize, Option<usize>)> = None;
        for table in self.tables_of_batch() {
            let sql_name = self.tables[table].clone();
            for key in self.foreign_keys(table).to_vec() {
                let values = batch.answer(self.conn, &by.dangling_values(&sql_name, &key));
                let Some(values) = values.filter(|values| !values.is_empty()) else {
                    continue;
                };
                let condition = by.condition(&sql_name, &key, &values);
                let holds = Probe::Holds(&condition);
                let Some(at) = batch.first(self.conn, holds) else {
                    continue;
                };
                let Some(&BatchStatement {
                    table: of, rows, ..
                }) = self.statement(at)
                else {
                    continue;
                };
                let row = batch.first_row(self.conn, at, rows, holds);
                let Some(row) = row.filter(|_| of == table) else {
                    continue;
                };
                let position = key.position.filter(|_| key.is_forward(self.position()));
                if found.is_none_or(|(first, ..)| (at, row) < first) {
                    found = Some(((at, row), table, position));
                }
            }
        }
        let Some(((at, row), table, parent)) = found else {
            return source.into();
        };
        let Some(BatchStatement { first, .. }) = self.statement(at) else {
            return source.into();
        };
        let row = first + row;
        self.dangling(table, row, parent.filter(|_| !last), source)
    }

    /// Finds the first row with the values that the error about a foreign key names.
    fn dangling_by_values(
        &mut self,
        batch: &C::Batch,
        source: Error,
        last: bool,
    ) -> Result<SeedError, Error> {
        let Some(details) = details(&source) else {
            return Err(source);
        };
        let statements = self
            .batches
            .as_ref()
            .map(|batches| batches.statements.clone());
        for (at, statement) in statements.unwrap_or_default().into_iter().enumerate() {
            let BatchStatement {
                table, first, rows, ..
            } = statement;
            let Some(key) = violated(self.foreign_keys(table), &source).cloned() else {
                continue;
            };
            let batches = self.batches.as_ref();
            let columns = batches.and_then(|batches| batches.columns.get(table));
            let columns = columns.map_or(&[][..], Vec::as_slice);
            let places = key.columns.iter().map(|name| {
                let name = unquoted(name);
                columns.iter().position(|column| *column == name)
            });
            let Some(places) = places.collect::<Option<Vec<usize>>>() else {
                continue;
            };
            let Some(row) = batch.row_with(at, rows, &places, &details) else {
                continue;
            };
            let parent = key.position.filter(|_| !last && key.is_forward(table));
            return Ok(self.dangling(table, first + row, parent, source));
        }
        Err(source)
    }

    /// Returns the error for a row that refers to nothing, unless a row of a later batch may be what
    /// it refers to: `parent` is the table of that row.
    fn dangling(
        &mut self,
        table: usize,
        row: usize,
        parent: Option<usize>,
        source: Error,
    ) -> SeedError {
        let (name, position) = (unquoted(&self.tables[table]), None);
        let error = match parent {
            Some(parent) if self.tables[parent] == self.tables[table] => SeedError::RowOrder {
                table: name,
                row,
                position,
                source,
            },
            Some(parent) => SeedError::TableOrder {
                table: name,
                row,
                position,
                first: unquoted(&self.tables[parent]),
                source,
            },
            None => {
                let error = SeedError::Row {
                    table: name,
                    row,
                    position,
                    source,
                };
                self.judged(table, error, true)
            }
        };
        self.located(table, error)
    }
}
