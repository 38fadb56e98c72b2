//! Rows inserted by statements or by the bulk loader.

use diesel::QueryResult;

use super::conflicts::Handling;
use super::culprit::another_try;
use super::savepoint::{execute, nested};
use super::state::{TableRun, Writer};
use crate::backend::connection::BackendConnection;
use crate::backend::row::SeedRow;
use crate::seed::engine::{Insertion, SeedEngine, SeedWay};
use crate::seed::error::SeedError;
use crate::seed::insert::{Ignored, IgnoredOrFail, Refused};
use crate::seed::report::Counts;
use crate::seed::stage::Stages;
use crate::seed::target::SeedTarget;

impl<C, T> TableRun<'_, '_, '_, C, T>
where
    C: BackendConnection<Backend: SeedEngine>,
    T: SeedRow<C::Backend>,
{
    pub(super) fn choose_writer(&mut self, rows: &[T::Row<'_>]) -> Result<(), SeedError> {
        let Some(first) = rows.first() else {
            return Ok(());
        };
        if let Err(source) = self.run.defer_first() {
            return Err(self.interrupted(source));
        }
        let SeedTarget { table, columns, .. } = &self.target;
        let way = C::Backend::way::<C, T>(self.run.conn, table, columns, first);
        let way = way.map_err(|source| self.refused(rows, source))?;
        self.writer = match way {
            _ if self.is_one_by_one() => Writer::Statements(Insertion::Ignore),
            SeedWay::Insert(insertion) => Writer::Statements(insertion),
            SeedWay::BulkFirst(stages) => Writer::Bulk(stages),
            // Nothing is to be compared with the rows that are there.
            SeedWay::Stage(stages) if matches!(self.handling, Handling::Fail { .. }) => {
                Writer::Bulk(stages)
            }
            SeedWay::Stage(stages) => Writer::BeforeStage(stages),
        };
        Ok(())
    }

    /// Loads the rows by the bulk loader.
    pub(super) fn load_all(
        &mut self,
        stages: &'static dyn Stages<C>,
        rows: &[T::Row<'_>],
        full: bool,
    ) -> Result<(), SeedError> {
        let SeedTarget { table, columns, .. } = &self.target;
        match nested(self.run.conn, |conn| {
            C::Backend::bulk_load::<C, T>(conn, table, columns, None, rows)
        }) {
            Ok(inserted) => {
                self.advance(rows.len(), Counts::inserted(inserted));
                Ok(())
            }
            // Whatever the reason, the other ways skip the row or report the error better.
            Err(error) if another_try(self.run.conn, &error) => {
                self.writer = Writer::BeforeStage(stages);
                if full {
                    self.open_stage(stages, rows)
                } else {
                    self.insert_all(rows)
                }
            }
            Err(error) => Err(self.refused(rows, error)),
        }
    }

    /// Inserts the rows in statements of a few sizes only, so that each is prepared once per
    /// connection.
    pub(super) fn insert_all(&mut self, mut rest: &[T::Row<'_>]) -> Result<(), SeedError> {
        while !rest.is_empty() {
            // A row that refers to a later one has opened it.
            if matches!(self.writer, Writer::Staged(_)) {
                return self.stage_all(rest);
            }
            let taken = match rest.len().min(self.most) {
                1024.. => self.statement::<1024>(rest)?,
                256.. => self.statement::<256>(rest)?,
                64.. => self.statement::<64>(rest)?,
                16.. => self.statement::<16>(rest)?,
                4.. => self.statement::<4>(rest)?,
                _ => self.statement::<1>(rest)?,
            };
            rest = &rest[taken..];
        }
        Ok(())
    }

    /// Inserts the first `N` rows, and returns how many rows were written: none of them if they
    /// are to be written in another way.
    fn statement<const N: usize>(&mut self, rest: &[T::Row<'_>]) -> Result<usize, SeedError> {
        let rows = &rest[..N];
        if matches!(self.writer, Writer::Batches) {
            self.gather::<N>(rows)?;
            return Ok(N);
        }
        match self.insert::<N>(rows) {
            Ok(counts) => {
                self.note_dangling(rows, counts)?;
                self.advance(N, counts);
                Ok(N)
            }
            Err(source) if self.is_divisible(N, &source) => {
                self.insert_divided(rows, N / 4)?;
                Ok(N)
            }
            Err(source) => {
                self.let_references_wait(rows, source)?;
                Ok(0)
            }
        }
    }

    fn insert<const N: usize>(&mut self, rows: &[T::Row<'_>]) -> QueryResult<Counts> {
        if let Some(result) = self.insert_handled::<N>(rows) {
            return result;
        }
        let conn = &mut *self.run.conn;
        let target = &self.target;
        let inserted = match self.writer {
            Writer::Statements(Insertion::IgnoreOrFail) => {
                execute::<C, T, IgnoredOrFail, N>(conn, target, rows)
            }
            Writer::Statements(Insertion::PlainFirst) => {
                match execute::<C, T, Refused, N>(conn, target, rows) {
                    Err(error) if another_try(conn, &error) => {
                        self.writer = Writer::Statements(Insertion::Ignore);
                        execute::<C, T, Ignored, N>(conn, target, rows)
                    }
                    result => result,
                }
            }
            _ => execute::<C, T, Ignored, N>(conn, target, rows),
        };
        inserted.map(Counts::inserted)
    }
}
