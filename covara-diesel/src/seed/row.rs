//! What `#[derive(Seedable)]` implements.

use diesel::backend::Backend;
use diesel::expression::{AsExpression, TypedExpressionType};
use diesel::query_builder::QueryFragment;
use diesel::serialize::ToSql;
use diesel::sql_types::{HasSqlType, Nullable, SqlType, Text};
use diesel::{Connection, QueryResult};

use super::{Seed, SeedError, SeedSummary};
use crate::typed::AnyDatabase;

/// A row that can be seeded; use the derive of the same name.
///
/// The diesel attributes mean what they mean in Diesel: `table_name`, `column_name`,
/// `embed`, `serialize_as`, `skip_insertion`. A field with `serialize_as` is cloned, as a
/// seed may be given borrowed rows. `#[seedable(crate = path)]` names this crate where it
/// was renamed or re-exported.
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
pub trait Seedable: Sized {
    /// The `table!` that the rows go to.
    #[doc(hidden)]
    type Table: Default + diesel::Table;
    /// Identifies the insert statement among all that a connection caches: table and
    /// columns decide the SQL, nothing else does.
    #[doc(hidden)]
    type Key: 'static;
    /// The row with what had to be converted for `serialize_as`.
    #[doc(hidden)]
    type Row<'r>
    where
        Self: 'r;

    /// Whether table and columns follow from the type.
    #[doc(hidden)]
    const STATIC: bool = true;

    #[doc(hidden)]
    fn columns(names: &mut Vec<&'static str>);

    #[doc(hidden)]
    fn row(&self) -> Self::Row<'_>;

    /// Seeds one table: [`Seed`] with a single [`table`](Seed::table).
    ///
    /// # Errors
    ///
    /// See [`SeedError`]. After an error nothing is kept.
    fn seed<C>(conn: &mut C, rows: &[Self]) -> Result<SeedSummary, SeedError>
    where
        C: AnyDatabase,
        Self: AnySeedRow<C>,
    {
        Seed::new().table(rows).run(conn)
    }
}

/// A [`Seedable`] whose columns the backend `DB` can store.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be seeded on `{DB}`",
    note = "derive it with `#[derive(Seedable)]`; a field's type must be storable in its column on this backend"
)]
pub trait SeedRow<DB: Backend>: Seedable<Table: QueryFragment<DB>> {
    /// Shows each column's value to `visitor`, in the order of the columns.
    #[doc(hidden)]
    fn visit<'b, V>(row: &'b Self::Row<'_>, visitor: &mut V) -> QueryResult<()>
    where
        V: ColumnVisitor<'b, DB>;
}

/// A [`Seedable`] for whatever backend a connection turns out to have: a [`SeedRow`] of the
/// one that a typed connection has, and of both where it is found when the program runs.
///
/// Nobody implements it; it follows from `SeedRow`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be seeded on a `{D}`",
    note = "derive it with `#[derive(Seedable)]`; a field's type must be storable in its column on each backend the connection can have"
)]
pub trait AnySeedRow<D: AnyDatabase>:
    SeedRow<<D::Sqlite as Connection>::Backend> + SeedRow<<D::Postgres as Connection>::Backend>
{
}

#[diagnostic::do_not_recommend]
impl<D: AnyDatabase, T> AnySeedRow<D> for T where
    T: SeedRow<<D::Sqlite as Connection>::Backend> + SeedRow<<D::Postgres as Connection>::Backend>
{
}

/// Takes the values of a row one by one.
#[doc(hidden)]
pub trait ColumnVisitor<'b, DB: Backend> {
    fn column<ST, U>(&mut self, value: &'b U) -> QueryResult<()>
    where
        DB: HasSqlType<ST>,
        U: ToSql<ST, DB> + ?Sized;

    /// A text that the server is to read as `sql_type`, for types that Diesel has not.
    fn cast(&mut self, value: &'b Option<String>, sql_type: &str) -> QueryResult<()>
    where
        DB: HasSqlType<Nullable<Text>>,
        Option<String>: ToSql<Nullable<Text>, DB>,
    {
        let _ = sql_type;
        self.column::<Nullable<Text>, _>(value)
    }

    /// A text that an SQL function makes the value of.
    fn call(&mut self, function: &str, value: &'b String) -> QueryResult<()>
    where
        DB: HasSqlType<Text>,
        String: ToSql<Text, DB>,
    {
        let _ = function;
        self.column::<Text, _>(value)
    }
}

/// What the derive asks of a field's type, with a message that says so.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored in a column of the SQL type `{ST}`",
    label = "does not fit its column"
)]
pub trait FitsColumn<ST> {}

#[diagnostic::do_not_recommend]
impl<T, ST> FitsColumn<ST> for T
where
    T: AsExpression<ST>,
    ST: SqlType + TypedExpressionType,
{
}

/// What the derive asks of the table of a field with `embed`.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a row of `{Self}` cannot be embedded in a row of `{Table}`",
    label = "is of another table"
)]
pub trait SameTable<Table> {}

impl<Table> SameTable<Table> for Table {}
