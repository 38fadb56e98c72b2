use super::definition::IndexDefinition;

/// A row that can be indexed; use the derive of the same name.
///
/// ```
/// # use covara_diesel::search::Searchable;
/// diesel::table! {
///     cities (id) {
///         id -> BigInt,
///         name -> Text,
///         country_code -> Text,
///         population -> Nullable<BigInt>,
///     }
/// }
///
/// #[derive(Searchable)]
/// #[diesel(table_name = cities)]
/// struct City {
///     #[searchable(id)]
///     id: i64,
///     #[searchable(text, weight = 2.0)]
///     name: String,
///     #[searchable(keyword)]
///     #[diesel(column_name = country_code)]
///     country: String,
///     #[searchable(integer)]
///     population: Option<i64>,
/// }
///
/// assert_eq!(City::INDEX, "cities");
/// assert_eq!(City::definition().fields().count(), 3);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not searchable",
    label = "needs `#[derive(Searchable)]`"
)]
pub trait Searchable {
    /// Name of the index: that of the table, unless the derive is told another.
    const INDEX: &'static str;

    /// The `table!` that the rows are of.
    #[doc(hidden)]
    type Table: Default + diesel::Table;

    /// Fields and what becomes of them.
    fn definition() -> IndexDefinition;

    /// The id of the row's document.
    fn id(&self) -> String;

    /// The row as a document.
    ///
    /// # Errors
    ///
    /// A value that has no form in JSON.
    fn document(&self) -> serde_json::Result<serde_json::Value>;

    /// Name of the column that the id is of.
    #[doc(hidden)]
    fn key() -> &'static str;

    /// Name of each field's column.
    #[doc(hidden)]
    fn columns() -> Vec<&'static str>;
}
