//! Rows as values for the columns of a table.

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::expression::{AsExpression, TypedExpressionType};
use diesel::query_builder::QueryFragment;
use diesel::serialize::ToSql;
use diesel::sql_types::{HasSqlType, Nullable, SqlType, Text};

/// A row of a table; derived with [`Seedable`](crate::Seedable).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not seedable",
    label = "needs `#[derive(Seedable)]`"
)]
pub trait TableRow: Sized {
    /// The `table!` that the rows are inserted into.
    #[doc(hidden)]
    type Table: Default + diesel::Table;
    /// A type that identifies the insert statement among all that a connection caches. Only the
    /// table and the columns decide the SQL.
    #[doc(hidden)]
    type Key: 'static;
    /// The row after the conversions of `serialize_as`.
    #[doc(hidden)]
    type Row<'r>
    where
        Self: 'r;

    /// `true` if the type determines the table and the columns.
    #[doc(hidden)]
    const STATIC: bool = true;

    #[doc(hidden)]
    fn columns(names: &mut Vec<&'static str>);

    /// Adds the columns by which rows are updated; none for the primary key.
    #[doc(hidden)]
    fn conflict(names: &mut Vec<&'static str>) {
        let _ = names;
    }

    #[doc(hidden)]
    fn row(&self) -> Self::Row<'_>;
}

/// Rows may be given by reference.
#[diagnostic::do_not_recommend]
impl<T: TableRow> TableRow for &T {
    type Table = T::Table;
    type Key = T::Key;
    type Row<'r>
        = T::Row<'r>
    where
        Self: 'r;

    const STATIC: bool = T::STATIC;

    fn columns(names: &mut Vec<&'static str>) {
        T::columns(names);
    }

    fn conflict(names: &mut Vec<&'static str>) {
        T::conflict(names);
    }

    fn row(&self) -> Self::Row<'_> {
        T::row(self)
    }
}

/// A [`Seedable`](crate::Seedable) whose columns the backend `DB` can store.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be seeded on `{DB}`",
    note = "derive it with `#[derive(Seedable)]`; a field's type must be storable in its column on this backend"
)]
pub trait SeedRow<DB: Backend>: TableRow<Table: QueryFragment<DB>> {
    /// Passes each column's value to `visitor`, in the order of the columns.
    #[doc(hidden)]
    fn visit<'b, V>(row: &'b Self::Row<'_>, visitor: &mut V) -> QueryResult<()>
    where
        V: ColumnVisitor<'b, DB>;
}

#[diagnostic::do_not_recommend]
impl<DB: Backend, T: SeedRow<DB>> SeedRow<DB> for &T {
    fn visit<'b, V>(row: &'b T::Row<'_>, visitor: &mut V) -> QueryResult<()>
    where
        V: ColumnVisitor<'b, DB>,
    {
        T::visit(row, visitor)
    }
}

/// A visitor that receives the values of a row one by one.
#[doc(hidden)]
pub trait ColumnVisitor<'b, DB: Backend> {
    fn column<ST, U>(&mut self, value: &'b U) -> QueryResult<()>
    where
        DB: HasSqlType<ST>,
        U: ToSql<ST, DB> + ?Sized;

    /// Receives a text that the server casts to these types, one after the other, for types that
    /// Diesel does not have.
    fn cast(&mut self, value: &'b Option<String>, sql_types: &[&str]) -> QueryResult<()>
    where
        DB: HasSqlType<Nullable<Text>>,
        Option<String>: ToSql<Nullable<Text>, DB>,
    {
        let _ = sql_types;
        self.column::<Nullable<Text>, _>(value)
    }

    /// Receives a text from which an SQL function computes the value.
    fn call(&mut self, function: &str, value: &'b String) -> QueryResult<()>
    where
        DB: HasSqlType<Text>,
        String: ToSql<Text, DB>,
    {
        let _ = function;
        self.column::<Text, _>(value)
    }
}

/// The derive's requirement on a field's type, with an error message of its own.
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

/// The derive's requirement on the table of a field with `embed`.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a row of `{Self}` cannot be embedded in a row of `{Table}`",
    label = "is of another table"
)]
pub trait SameTable<Table> {}

impl<Table> SameTable<Table> for Table {}
