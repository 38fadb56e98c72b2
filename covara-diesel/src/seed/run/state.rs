//! The state of a run, which the other files of this folder share.

use std::cell::Cell;
use std::marker::PhantomData;
use std::rc::Rc;

use diesel::result::Error;

use super::conflicts::Handling;
use crate::backend::connection::BackendConnection;
use crate::backend::row::TableRow;
use crate::seed::conflict::OnConflict;
use crate::seed::deferral::{Deferral, DeferredConstraint};
use crate::seed::engine::{Insertion, SeedEngine};
use crate::seed::fixture_error::FixturePosition;
use crate::seed::foreign_key::ForeignKey;
use crate::seed::report::{Counts, Extent, ProgressReport, SeedProgress, SeedSummary};
use crate::seed::stage::{Stage, Stages};
use crate::seed::stop::StopCheck;
use crate::seed::target::SeedTarget;

/// A seed inside its transaction.
pub(crate) struct Run<'c, 'a, C: BackendConnection<Backend: SeedEngine>> {
    pub(super) conn: &'c mut C,
    pub(super) progress: Option<ProgressReport<'a>>,
    pub(super) stop: Option<Rc<dyn StopCheck + 'a>>,
    pub(super) on_conflict: OnConflict,
    pub(super) chunk_rows: usize,
    /// The quoted names of all tables, in their order.
    pub(super) tables: Vec<String>,
    pub(super) summary: SeedSummary,
    /// The extent of each table begun so far.
    pub(super) extents: Vec<Extent>,
    /// The tables that were emptied, with the rows that they had.
    pub(super) deleted: Vec<(String, usize)>,
    /// `true` if the tables are emptied first.
    pub(super) replaces: bool,
    /// `true` unless it is a dry run.
    pub(super) keeps: bool,
    pub(super) finished: Vec<SeedTarget>,
    /// The positions of the rows of each table begun so far, if they come from a file.
    pub(super) positions: Vec<Option<Rc<dyn RowPositions>>>,
    /// The batches for a connection without transactions.
    pub(super) batches: Option<Batches<C>>,
    pub(super) references: References<C>,
}

/// The progress of one table.
pub(crate) struct TableRun<'t, 'c, 'a, C: BackendConnection<Backend: SeedEngine>, T: TableRow> {
    pub(super) run: &'t mut Run<'c, 'a, C>,
    pub(super) target: SeedTarget,
    /// Number of rows that are in the table or were skipped; those in a stage are not.
    pub(super) done: usize,
    pub(super) counts: Counts,
    /// The handling of conflicts, which is chosen at the first row.
    pub(super) handling: Handling,
    pub(super) progress: SeedProgress,
    pub(super) writer: Writer<C>,
    /// Maximum number of rows of a statement, by the connection's bind limit.
    pub(super) most: usize,
    pub(super) row: PhantomData<fn(T)>,
}

/// The way in which the next rows of a table are written.
pub(super) enum Writer<C: BackendConnection> {
    /// Not chosen yet, because there was no row.
    Unchosen,
    /// Gathered in the batches of the run.
    Batches,
    /// By statements.
    Statements(Insertion),
    /// By the bulk loader, until it fails.
    Bulk(&'static dyn Stages<C>),
    /// Full chunks open a stage; for less, creating it costs more than it saves, so these are
    /// inserted by statements.
    BeforeStage(&'static dyn Stages<C>),
    /// Through the open stage.
    Staged(Staged<C>),
}

/// An open stage.
pub(super) struct Staged<C: BackendConnection> {
    pub(super) stage: Box<dyn Stage<C>>,
    /// Number of rows in the stage.
    pub(super) rows: usize,
    pub(super) filled: Filled,
    /// `true` if all rows wait for the last one, because some refer to later ones.
    pub(super) is_whole: bool,
}

/// The ways of rows into the stage.
#[derive(Clone, Copy)]
pub(super) enum Filled {
    ByLoader,
    ByStatements,
}

/// The batch that is being gathered, and what its statements are about.
pub(super) struct Batches<C: BackendConnection> {
    pub(super) batch: C::Batch,
    /// The way in which each batch defers its foreign keys, once a row referred to a later one.
    pub(super) deferral: Option<&'static dyn Deferral<C>>,
    pub(super) statements: Vec<BatchStatement>,
    /// The quoted names of the tables begun so far.
    pub(super) tables: Vec<String>,
    /// For each table, the unquoted names of the columns that are filled.
    pub(super) columns: Vec<Vec<String>>,
    /// For each table, the rows written.
    pub(super) counts: Vec<Counts>,
    /// For each table, the number of rows deleted.
    pub(super) deleted: Vec<usize>,
    /// For each table, the number of rows in batches that were written.
    pub(super) kept: Vec<usize>,
    pub(super) sent: usize,
}

/// The table and rows that a statement of a batch is about.
#[derive(Clone, Copy)]
pub(super) struct BatchStatement {
    /// Its table's position in the seed.
    pub(super) table: usize,
    /// Its first row.
    pub(super) first: usize,
    /// The number of its rows.
    pub(super) rows: usize,
    pub(super) step: BatchStep,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum BatchStep {
    /// Inserts the rows.
    Insert,
    /// Applies the rows that the statement before has not inserted.
    Update,
    /// Makes the next statement not know of rows that were inserted before.
    Forget,
    /// Deletes the rows that the table had, or counts them.
    Delete,
    /// Empties the table together with others, or makes its ids start anew.
    Prepare,
    /// Fails if it has rows.
    CheckEmpty,
}

impl<C: BackendConnection> Batches<C> {
    pub(super) fn new(batch: C::Batch) -> Self {
        Self {
            batch,
            deferral: None,
            statements: Vec::new(),
            tables: Vec::new(),
            columns: Vec::new(),
            counts: Vec::new(),
            deleted: Vec::new(),
            kept: Vec::new(),
            sent: 0,
        }
    }
}

/// The foreign keys of a seed's tables, and what is to be checked at its end.
pub(super) struct References<C: BackendConnection> {
    /// The foreign keys of each table; asked for when the first row violates one.
    pub(super) keys: Option<Vec<Vec<ForeignKey>>>,
    pub(super) waiting: Waiting<C>,
    pub(super) is_deferred: Rc<Cell<bool>>,
    /// `true` if the seed is part of a transaction of the caller's.
    pub(super) is_savepoint: bool,
    /// The constraints that are INITIALLY DEFERRED, and to be checked at the end of the seed.
    pub(super) deferred: Vec<DeferredConstraint>,
}

/// The checks of the seed at its end.
pub(super) enum Waiting<C: BackendConnection> {
    Nothing,
    /// Rows that referred to nothing when they were inserted.
    Rows(WaitingRows<C>),
    /// Constraints that were deferred.
    Constraints(Constraints),
}

pub(super) struct WaitingRows<C: BackendConnection> {
    pub(super) by: &'static dyn Deferral<C>,
    /// The violation because of which the checks were deferred, if there was one.
    pub(super) source: Option<Error>,
    pub(super) rows: Vec<WaitingRow>,
    /// Number of rows at which to look which of them are satisfied.
    pub(super) limit: usize,
}

pub(super) struct WaitingRow {
    /// Position of the table in the seed.
    pub(super) table: usize,
    /// Position of the foreign key in the table.
    pub(super) key: usize,
    /// Position of the row among those of the table, from 1.
    pub(super) row: usize,
    /// The values of the foreign key, as SQL.
    pub(super) values: String,
}

#[derive(Default)]
pub(super) struct Constraints {
    /// The position of the table and of its foreign key.
    pub(super) deferred: Vec<(usize, usize)>,
    /// The tables whose stages are kept.
    pub(super) kept: Vec<usize>,
}

impl<C: BackendConnection> References<C> {
    pub(super) fn new(is_deferred: Rc<Cell<bool>>, is_savepoint: bool) -> Self {
        Self {
            keys: None,
            waiting: Waiting::Nothing,
            is_deferred,
            is_savepoint,
            deferred: Vec::new(),
        }
    }

    /// Returns whether the database may still reject rows that it has accepted.
    pub(super) fn is_waiting(&self) -> bool {
        !matches!(self.waiting, Waiting::Nothing)
    }

    pub(super) fn known(&self, table: usize) -> &[ForeignKey] {
        let keys = self.keys.as_ref().and_then(|keys| keys.get(table));
        keys.map_or(&[], Vec::as_slice)
    }

    pub(super) fn has_deferred(&self, table: usize) -> bool {
        matches!(&self.waiting, Waiting::Constraints(Constraints { deferred, .. })
            if deferred.iter().any(|(of, _)| *of == table))
    }
}

/// The positions of a table's rows in the file that they come from.
pub(crate) trait RowPositions {
    /// Returns the position of a row, counted from 1, if it is still known.
    fn position(&self, row: usize) -> Option<FixturePosition>;

    /// Forgets the rows before this one, which the database has accepted.
    fn forget_before(&self, row: usize);

    /// Forgets no more rows by itself, because the database may reject any of them at the end.
    fn keep(&self);
}
