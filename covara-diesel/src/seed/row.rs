//! The traits that `#[derive(Seedable)]` implements.

use super::{Seed, SeedError, SeedSummary};
use crate::backend::row::{SeedRow, TableRow};
use crate::seed::engine::SeedDatabase;

/// A row that can be seeded; use the derive of the same name.
///
/// The `diesel` attributes have the same meaning as in Diesel: `table_name`, `column_name`,
/// `embed`, `serialize_as`, `skip_insertion`. A field with `serialize_as` is cloned, because a seed
/// may be given borrowed rows. `#[seedable(crate = path)]` names this crate if it was renamed or
/// re-exported. `#[seedable(conflict = column)]`, or `conflict(a, b)` for several, names the unique
/// columns by which [`OnConflict::Update`](crate::OnConflict::Update) updates rows, if not by the
/// primary key.
///
/// ```
/// # use covara_diesel::Seedable;
/// diesel::table! {
///     cities (id) {
///         id -> BigInt,
///         name -> Text,
///         country_code -> Text,
///         population -> Nullable<BigInt>,
///     }
/// }
///
/// #[derive(Seedable)]
/// #[diesel(table_name = cities)]
/// struct City<'a> {
///     id: i64,
///     name: &'a str,
///     #[diesel(column_name = country_code)]
///     country: String,
///     population: Option<i64>,
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not seedable",
    label = "needs `#[derive(Seedable)]`"
)]
pub trait Seedable: TableRow {
    /// Seeds one table. Equivalent to a [`Seed`] with a single [`table`](Seed::table).
    ///
    /// # Errors
    ///
    /// See [`SeedError`]. After an error nothing is kept, unless it says
    /// [`Partial`](crate::SeedError::Partial).
    fn seed<C>(conn: &mut C, rows: &[Self]) -> Result<SeedSummary, SeedError>
    where
        C: SeedDatabase,
        Self: AnySeedRow<C>,
    {
        Seed::new().table(rows).run(conn)
    }
}

#[diagnostic::do_not_recommend]
impl<T: TableRow> Seedable for T {}

/// A [`Seedable`] for every backend that a connection can have: a [`SeedRow`] for the backend of a
/// typed connection, or for both backends if the backend is decided at run time.
///
/// Implemented for every type with the needed `SeedRow` implementations.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be seeded on a `{D}`",
    note = "derive it with `#[derive(Seedable)]`; a field's type must be storable in its column on each backend the connection can have"
)]
pub trait AnySeedRow<D: SeedDatabase>:
    SeedRow<D::SqliteBackend> + SeedRow<D::PostgresBackend>
{
}

#[diagnostic::do_not_recommend]
impl<D: SeedDatabase, T> AnySeedRow<D> for T where
    T: SeedRow<D::SqliteBackend> + SeedRow<D::PostgresBackend>
{
}
