use super::definition::IndexDefinition;

/// A row that can be indexed. Implement it with the derive of the same name.
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
    /// The name of the index: that of the table, unless the derive's `index` sets another.
    const INDEX: &'static str;

    /// The `table!` of the rows.
    #[doc(hidden)]
    type Table: Default + diesel::Table;

    /// Returns the fields and how each is indexed.
    fn definition() -> IndexDefinition;

    /// Returns the id of the row's document.
    fn id(&self) -> String;

    /// Returns the row as a document.
    ///
    /// # Errors
    ///
    /// A value that JSON cannot represent.
    fn document(&self) -> serde_json::Result<serde_json::Value>;

    /// Returns the name of the column that the id comes from.
    #[doc(hidden)]
    fn key() -> &'static str;

    /// Returns the name of each field's column.
    #[doc(hidden)]
    fn columns() -> Vec<&'static str>;
}
