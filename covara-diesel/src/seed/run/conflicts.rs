//! Rows that update others, or that must not conflict.

use diesel::QueryResult;
use diesel::result::Error;

use super::culprit::another_try;
use super::savepoint::{execute, nested};
use super::state::{TableRun, Writer};
use super::violations::{is_foreign_key, violated};
use crate::backend::connection::BackendConnection;
use crate::backend::row::SeedRow;
use crate::seed::conflict::OnConflict;
use crate::seed::engine::SeedEngine;
use crate::seed::error::SeedError;
use crate::seed::insert::{Aborted, Ignored, Refused, RowsBetween};
use crate::seed::report::Counts;
use crate::seed::stage::StageInsert;
use crate::seed::target::SeedTarget;
use crate::seed::update::Update;

/// The way in which a table's statements handle rows that conflict.
pub(super) enum Handling {
    Skip,
    Update(Update),
    /// `OR ABORT` is said where the table may say something else.
    Fail {
        aborts: bool,
    },
}

impl Handling {
    fn of<C: BackendConnection<Backend: SeedEngine>>(
        conn: &mut C,
        target: &SeedTarget,
        on_conflict: OnConflict,
    ) -> Result<Self, SeedError> {
        if on_conflict == OnConflict::Skip {
            return Ok(Self::Skip);
        }
        let aborts = C::Backend::has_conflict_clauses(conn, &target.table)?;
        if on_conflict == OnConflict::Fail {
            return Ok(Self::Fail { aborts });
        }
        let verb = match aborts {
            true => "INSERT OR ABORT INTO ",
            false => "INSERT INTO ",
        };
        Update::of(conn, target, verb).map(Self::Update)
    }
}

impl Handling {
    /// Writes rows of which none is skipped, or returns `None` if rows are skipped.
    fn insert<C, T, const N: usize>(
        &self,
        conn: &mut C,
        target: &SeedTarget,
        rows: &[T::Row<'_>],
    ) -> Option<QueryResult<Counts>>
    where
        C: BackendConnection<Backend: SeedEngine>,
        T: SeedRow<C::Backend>,
    {
        let inserted = match self {
            Self::Skip => return None,
            Self::Update(update) => return Some(upsert::<C, T>(conn, update, rows)),
            Self::Fail { aborts: false } => execute::<C, T, Refused, N>(conn, target, rows),
            Self::Fail { aborts: true } => execute::<C, T, Aborted, N>(conn, target, rows),
        };
        Some(inserted.map(Counts::inserted))
    }

    /// Tries a row alone, to find out whether the database takes it.
    pub(super) fn try_row<C, T>(
        &self,
        conn: &mut C,
        target: &SeedTarget,
        row: &[T::Row<'_>],
    ) -> QueryResult<()>
    where
        C: BackendConnection<Backend: SeedEngine>,
        T: SeedRow<C::Backend>,
    {
        match self.insert::<C, T, 1>(conn, target, row) {
            Some(result) => result.map(drop),
            None => execute::<C, T, Ignored, 1>(conn, target, row).map(drop),
        }
    }

    /// Returns how the staged row is looked for that made a statement fail.
    pub(super) fn staged_search(&self) -> StageInsert {
        match self {
            Self::Skip => StageInsert::Ignore,
            Self::Update(_) | Self::Fail { .. } => StageInsert::Refuse,
        }
    }
}

/// Updates the rows whose keys are there, and inserts the others. It does what applying them one
/// after the other does, or fails.
///
/// The first statement inserts the first row of each new key. Then all rows are applied in order.
/// Rows that were inserted ahead of their turn can make it fail, but not make it succeed.
fn upsert<C, T>(conn: &mut C, update: &Update, rows: &[T::Row<'_>]) -> QueryResult<Counts>
where
    C: BackendConnection<Backend: SeedEngine>,
    T: SeedRow<C::Backend>,
{
    nested(conn, |conn| {
        let texts = &update.insert;
        let insert = RowsBetween::<T> { texts, rows };
        let mut counts = Counts::inserted(conn.execute_returning_count(&insert)?);
        if let Some(texts) = &update.update
            && counts.inserted < rows.len()
        {
            let update = RowsBetween::<T> { texts, rows };
            counts.updated = conn.execute_returning_count(&update)?;
        }
        Ok(counts)
    })
}

impl<C, T> TableRun<'_, '_, '_, C, T>
where
    C: BackendConnection<Backend: SeedEngine>,
    T: SeedRow<C::Backend>,
{
    /// Finds out how to handle conflicts, before the first row.
    pub(super) fn choose_handling(&mut self) -> Result<(), SeedError> {
        let on_conflict = self.run.on_conflict;
        self.handling = Handling::of(self.run.conn, &self.target, on_conflict)?;
        if let Handling::Update(_) = self.handling
            && C::Backend::has_row_triggers(self.run.conn, &self.target.table)?
        {
            // A trigger may change rows, or look at those around them.
            self.most = 1;
            if let (Handling::Update(update), true) =
                (&mut self.handling, self.run.batches.is_some())
            {
                update.unless_inserted::<C::Backend>();
            }
        }
        Ok(())
    }

    /// Returns whether rows are written one at a time, whatever their number.
    pub(super) fn is_one_by_one(&self) -> bool {
        self.most == 1 && matches!(self.handling, Handling::Update(_))
    }

    /// Writes rows of which none is skipped, or returns `None` if rows are skipped.
    pub(super) fn insert_handled<const N: usize>(
        &mut self,
        rows: &[T::Row<'_>],
    ) -> Option<QueryResult<Counts>> {
        let (conn, target) = (&mut *self.run.conn, &self.target);
        self.handling.insert::<C, T, N>(conn, target, rows)
    }

    /// Returns whether rows of an update that failed are to be written in smaller statements: their
    /// keys may be there twice, or values that were in the way may have been updated.
    pub(super) fn is_divisible(&mut self, rows: usize, error: &Error) -> bool {
        let Handling::Update(_) = self.handling else {
            return false;
        };
        if rows < 2 || !another_try(self.run.conn, error) {
            return false;
        }
        let table = self.run.position();
        !is_foreign_key(error) || violated(&self.run.patient_keys(table), error).is_none()
    }

    /// Writes rows in statements of at most so many.
    pub(super) fn insert_divided(
        &mut self,
        rows: &[T::Row<'_>],
        most: usize,
    ) -> Result<(), SeedError> {
        let before = std::mem::replace(&mut self.most, most);
        let written = self.insert_all(rows);
        self.most = before;
        written
    }

    /// Writes the rows of the stage that have these numbers, all at once or in smaller parts.
    /// Returns the number of the row that fails with its error, or that of the first row if rows
    /// refer to later ones.
    pub(super) fn update_staged(
        &mut self,
        first: usize,
        last: usize,
    ) -> Result<Counts, (usize, Error)> {
        let (Writer::Staged(staged), Handling::Update(update)) = (&self.writer, &self.handling)
        else {
            return Ok(Counts::default());
        };
        let stage = &staged.stage;
        let columns = &update.columns;
        let conn = &mut *self.run.conn;
        let written = nested(conn, |conn| stage.update(conn, (first, last), columns));
        let error = match written {
            Ok(counts) => return Ok(counts),
            Err(error) => error,
        };
        if !self.is_divisible(last + 1 - first, &error) {
            return Err((first, error));
        }
        let middle = first + (last - first) / 2;
        let mut counts = self.update_staged(first, middle)?;
        counts.add(self.update_staged(middle + 1, last)?);
        Ok(counts)
    }
}
