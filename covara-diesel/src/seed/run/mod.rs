//! Writes rows in statements of fixed sizes and counts them.

mod batch_culprit;
mod batches;
mod conflicts;
mod culprit;
mod deferred;
mod faultless;
#[cfg(feature = "fixtures")]
mod files;
mod gather;
#[cfg(feature = "fixtures")]
mod look_up;
mod positions;
mod references;
mod replace;
mod savepoint;
mod stage;
mod state;
mod statements;
mod violations;

use std::cell::Cell;
use std::marker::PhantomData;
use std::num::NonZeroUsize;
use std::rc::Rc;

use conflicts::Handling;
pub(super) use references::dangling;
use state::{Batches, References, Writer};
pub(crate) use state::{RowPositions, Run, TableRun};

use super::conflict::OnConflict;
use super::error::SeedError;
use super::options::SeedOptions;
use super::report::{Counts, Extent, SeedProgress, SeedSummary, TableSummary};
use super::target::SeedTarget;
use crate::backend::connection::BackendConnection;
use crate::backend::row::SeedRow;
use crate::seed::engine::SeedEngine;

impl<'c, 'a, C: BackendConnection<Backend: SeedEngine>> Run<'c, 'a, C> {
    /// `is_savepoint`: the seed is part of a transaction of the caller's. `is_deferred` is set while
    /// the checks of all foreign keys are deferred.
    pub(super) fn new(
        conn: &'c mut C,
        options: SeedOptions<'a>,
        tables: Vec<String>,
        is_savepoint: bool,
        is_deferred: Rc<Cell<bool>>,
    ) -> Self {
        let chunk_rows = options
            .chunk_rows
            .map(NonZeroUsize::get)
            .or_else(|| conn.chunk_rows())
            .unwrap_or(C::Backend::CHUNK_ROWS);
        let batches = conn.new_batch().map(Batches::new);
        Self {
            conn,
            progress: options.progress,
            stop: options.stop,
            on_conflict: options.on_conflict,
            chunk_rows,
            tables,
            summary: SeedSummary::default(),
            extents: Vec::new(),
            deleted: Vec::new(),
            replaces: options.replace,
            keeps: !options.dry_run,
            finished: Vec::new(),
            positions: Vec::new(),
            batches,
            references: References::new(is_deferred, is_savepoint),
        }
    }

    /// Notes what is known of the rows of the next table.
    pub(super) fn begin_table(&mut self, extent: Extent) {
        self.extents.push(extent);
    }

    pub(crate) fn table<T: SeedRow<C::Backend>>(
        &mut self,
        target: SeedTarget,
        positions: Option<Rc<dyn RowPositions>>,
        write: impl FnOnce(&mut TableRun<'_, 'c, 'a, C, T>) -> Result<(), SeedError>,
    ) -> Result<(), SeedError> {
        self.positions.push(positions);
        let mut table = TableRun::new(self, target)?;
        if let Err(error) = write(&mut table).and_then(|()| table.finish()) {
            if self.batches.is_some() {
                return Err(self.with_what_is_kept(error));
            }
            return Err(self.located(self.position(), error));
        }
        let TableRun {
            target,
            done,
            counts,
            progress,
            ..
        } = table;
        let mut summary = TableSummary::new(progress.table, done);
        summary.count(counts, self.on_conflict);
        summary.deleted = self.take_deleted();
        self.summary.tables.push(summary);
        if done > 0 {
            self.finished.push(target);
        }
        if self.batches.is_none() && !self.references.is_waiting() {
            // The database has accepted the rows.
            self.positions.pop();
            self.positions.push(None);
        }
        Ok(())
    }

    /// Returns an error if the seed has to stop.
    fn check_stop(&self, last: bool) -> Result<(), SeedError> {
        match &self.stop {
            Some(stop) if stop.must_stop(last) => Err(SeedError::Stopped),
            _ => Ok(()),
        }
    }

    /// Returns the position in the seed of the table that is being written.
    fn position(&self) -> usize {
        self.summary.tables.len()
    }

    /// Checks the foreign keys that were deferred, and moves the sequences: last, and in the same
    /// order for all seeds, because their locks are held to the end.
    pub(super) fn finish(mut self) -> Result<SeedSummary, SeedError> {
        self.send(true)?;
        self.settle()?;
        self.check_deferred()?;
        self.finished.sort_by(|a, b| a.table.cmp(&b.table));
        for target in &self.finished {
            let finished =
                C::Backend::finish(self.conn, &target.table, &target.columns, self.keeps);
            finished.map_err(|source| SeedError::Sequence {
                table: target.name(),
                source: source.into(),
            })?;
        }
        self.count_batches();
        Ok(self.summary)
    }
}

impl<'t, 'c, 'a, C, T> TableRun<'t, 'c, 'a, C, T>
where
    C: BackendConnection<Backend: SeedEngine>,
    T: SeedRow<C::Backend>,
{
    fn new(run: &'t mut Run<'c, 'a, C>, target: SeedTarget) -> Result<Self, SeedError> {
        let limit = run.conn.most_binds();
        let most = limit / target.columns.len().max(1);
        let table = target.name();
        if most == 0 {
            return Err(SeedError::TooManyColumns {
                table,
                columns: target.columns.len(),
                limit,
            });
        }
        let writer = match run.batches {
            Some(_) => Writer::Batches,
            None => Writer::Unchosen,
        };
        Ok(Self {
            target,
            done: 0,
            counts: Counts::default(),
            handling: Handling::Skip,
            progress: SeedProgress::new(table, &run.extents.last().cloned().unwrap_or_default()),
            run,
            writer,
            most,
            row: PhantomData,
        })
    }

    pub(super) fn write_slice(&mut self, rows: &[T]) -> Result<(), SeedError> {
        rows.chunks(self.run.chunk_rows)
            .try_for_each(|chunk| self.write(chunk, chunk.len() == self.run.chunk_rows))
    }

    pub(super) fn write_iter(
        &mut self,
        rows: impl IntoIterator<Item = T>,
    ) -> Result<(), SeedError> {
        let mut rows = rows.into_iter().fuse();
        let most = self.run.chunk_rows;
        self.write_chunks(|_, chunk| {
            chunk.clear();
            chunk.extend(rows.by_ref().take(most));
            Ok(chunk.len() == most)
        })
    }

    /// Writes rows in chunks. `fill` replaces the rows of the one before, and returns whether the
    /// chunk is full, by rows or bytes.
    pub(crate) fn write_chunks(
        &mut self,
        mut fill: impl FnMut(&mut Self, &mut Vec<T>) -> Result<bool, SeedError>,
    ) -> Result<(), SeedError> {
        let mut chunk = Vec::new();
        loop {
            let full = fill(self, &mut chunk)?;
            if chunk.is_empty() {
                return Ok(());
            }
            self.write(&chunk, full)?;
        }
    }

    fn write(&mut self, chunk: &[T], full: bool) -> Result<(), SeedError> {
        self.run.check_stop(false)?;
        let rows: Vec<T::Row<'_>> = chunk.iter().map(T::row).collect();
        if self.run.on_conflict != OnConflict::Skip && matches!(self.handling, Handling::Skip) {
            self.choose_handling()?;
        }
        if matches!(self.writer, Writer::Unchosen) {
            self.choose_writer(&rows)?;
        }
        match self.writer {
            Writer::Bulk(stages) => self.load_all(stages, &rows, full),
            Writer::BeforeStage(stages) if full => self.open_stage(stages, &rows),
            Writer::Staged(_) => self.stage_all(&rows),
            Writer::Unchosen | Writer::Batches | Writer::Statements(_) | Writer::BeforeStage(_) => {
                self.insert_all(&rows)
            }
        }
    }

    fn advance(&mut self, rows: usize, counts: Counts) {
        self.counts.add(counts);
        self.done += rows;
        self.report();
    }

    fn report(&mut self) {
        let staged = match &self.writer {
            // Batches report their progress when they have been sent.
            Writer::Batches => return,
            Writer::Staged(staged) => staged.rows,
            _ => 0,
        };
        if let Some(report) = &mut self.run.progress {
            self.progress.rows = self.done + staged;
            if let Some(Extent {
                file: Some(file), ..
            }) = self.run.extents.last()
            {
                self.progress.bytes = Some(file.read());
            }
            report(&self.progress);
        }
    }
}
