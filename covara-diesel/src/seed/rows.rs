//! Rows added to a seed that has not run yet.

use super::conflict::OnConflict;
use super::error::SeedError;
use super::report::Extent;
use super::run::Run;
use super::target::SeedTarget;
use crate::backend::connection::BackendConnection;
use crate::backend::row::SeedRow;
use crate::drivers::connections;
use crate::seed::engine::{SeedDatabase, SeedEngine};

/// The rows of one table, for one type of connection.
pub(crate) trait SeedRows<'a, C: BackendConnection<Backend: SeedEngine>> {
    /// Determines the table and columns, before the first row of any table is written.
    fn prepare(
        self: Box<Self>,
        conn: &mut C,
        again: Again,
    ) -> Result<PreparedTable<'a, C>, SeedError>;
}

/// The effect of another run of the same seed on the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// It skips or updates them.
    Finds(OnConflict),
    /// It has none to find, or fails because of them.
    Begins,
}

/// A table whose rows can be written.
pub(crate) struct PreparedTable<'a, C: BackendConnection<Backend: SeedEngine>> {
    pub(crate) target: SeedTarget,
    pub(crate) extent: Extent,
    pub(crate) write: Write<'a, C>,
}

type Write<'a, C> = Box<dyn FnOnce(&mut Run<'_, 'a, C>, SeedTarget) -> Result<(), SeedError> + 'a>;

macro_rules! declare_any_rows {
    ($($dialect:ident, $backend:ident { $(
        $(#[$doc:meta])* $variant:ident { $($_rest:tt)* }
    )* })*) => {
        /// The rows of one table, for each type that a connection can have at run time.
        pub(crate) trait AnyRows<'a, D: SeedDatabase>:
            $($(SeedRows<'a, D::$variant> +)*)*
        {
        }

        impl<'a, D: SeedDatabase, R> AnyRows<'a, D> for R where
            R: $($(SeedRows<'a, D::$variant> +)*)*
        {
        }
    };
}
connections!(declare_any_rows);

/// Rows in memory.
pub(super) struct SliceRows<'a, T>(pub(super) &'a [T]);

impl<'a, C, T> SeedRows<'a, C> for SliceRows<'a, T>
where
    C: BackendConnection<Backend: SeedEngine>,
    T: SeedRow<C::Backend>,
{
    fn prepare(self: Box<Self>, _: &mut C, _: Again) -> Result<PreparedTable<'a, C>, SeedError> {
        Ok(PreparedTable {
            target: SeedTarget::of::<C, T>()?,
            extent: Extent {
                rows: Some(self.0.len()),
                file: None,
            },
            write: Box::new(move |run, target| {
                run.table::<T>(target, None, |table| table.write_slice(self.0))
            }),
        })
    }
}

/// Rows produced one by one.
pub(super) struct StreamedRows<I>(pub(super) I);

impl<'a, C, I> SeedRows<'a, C> for StreamedRows<I>
where
    C: BackendConnection<Backend: SeedEngine>,
    I: IntoIterator<Item: SeedRow<C::Backend>> + 'a,
{
    fn prepare(self: Box<Self>, _: &mut C, _: Again) -> Result<PreparedTable<'a, C>, SeedError> {
        Ok(PreparedTable {
            target: SeedTarget::of::<C, I::Item>()?,
            extent: Extent::default(),
            write: Box::new(move |run, target| {
                run.table::<I::Item>(target, None, |table| table.write_iter(self.0))
            }),
        })
    }
}
