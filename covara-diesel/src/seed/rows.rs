//! Rows added to a seed that has not run yet.

use super::error::SeedError;
use super::run::Run;
use super::target::Target;
use crate::backend::connection::DatabaseConnection;
use crate::backend::row::SeedRow;
use crate::backend::typed::AnyDatabase;

/// The rows of one table, for one type of connection.
pub(crate) trait Rows<'a, C> {
    /// Determines the table and columns, before the first row of any table is written.
    fn prepare(self: Box<Self>, conn: &mut C) -> Result<Prepared<'a, C>, SeedError>;
}

/// A table whose rows can be written.
pub(crate) struct Prepared<'a, C> {
    pub(crate) target: Target,
    pub(crate) write: Write<'a, C>,
}

type Write<'a, C> = Box<dyn FnOnce(&mut Run<'_, 'a, C>, Target) -> Result<(), SeedError> + 'a>;

/// The rows of one table, for each type that a connection can have at run time.
pub(crate) trait AnyRows<'a, D: AnyDatabase>:
    Rows<'a, D::Sqlite> + Rows<'a, D::Libsql> + Rows<'a, D::D1> + Rows<'a, D::Postgres>
{
}

impl<'a, D: AnyDatabase, R> AnyRows<'a, D> for R where
    R: Rows<'a, D::Sqlite> + Rows<'a, D::Libsql> + Rows<'a, D::D1> + Rows<'a, D::Postgres>
{
}

/// Rows in memory.
pub(super) struct SliceRows<'a, T>(pub(super) &'a [T]);

impl<'a, C, T> Rows<'a, C> for SliceRows<'a, T>
where
    C: DatabaseConnection,
    T: SeedRow<C::Backend>,
{
    fn prepare(self: Box<Self>, _: &mut C) -> Result<Prepared<'a, C>, SeedError> {
        Ok(Prepared {
            target: Target::of::<C, T>()?,
            write: Box::new(move |run, target| {
                run.table::<T>(target, None, |table| table.write_slice(self.0))
            }),
        })
    }
}

/// Rows produced one by one.
pub(super) struct StreamedRows<I>(pub(super) I);

impl<'a, C, I> Rows<'a, C> for StreamedRows<I>
where
    C: DatabaseConnection,
    I: IntoIterator<Item: SeedRow<C::Backend>> + 'a,
{
    fn prepare(self: Box<Self>, _: &mut C) -> Result<Prepared<'a, C>, SeedError> {
        Ok(Prepared {
            target: Target::of::<C, I::Item>()?,
            write: Box::new(move |run, target| {
                run.table::<I::Item>(target, None, |table| table.write_iter(self.0))
            }),
        })
    }
}
