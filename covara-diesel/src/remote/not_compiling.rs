//! Code that does not compile on remote connections, as their documentation says, each example
//! after the same code on a file, which compiles. Only rustdoc's tests see this module.

/// The program's own SQL functions.
///
/// ```no_run
/// use diesel::prelude::*;
///
/// #[diesel::declare_sql_function]
/// extern "SQL" {
///     fn doubled(x: diesel::sql_types::Integer) -> diesel::sql_types::Integer;
/// }
///
/// fn register(conn: &mut SqliteConnection) -> QueryResult<()> {
///     doubled_utils::register_impl(conn, |x: i32| x * 2)
/// }
/// # fn main() {}
/// ```
///
/// ```compile_fail
/// use covara_diesel::remote::LibsqlConnection;
/// use diesel::prelude::*;
///
/// #[diesel::declare_sql_function]
/// extern "SQL" {
///     fn doubled(x: diesel::sql_types::Integer) -> diesel::sql_types::Integer;
/// }
///
/// fn register(conn: &mut LibsqlConnection) -> QueryResult<()> {
///     doubled_utils::register_impl(conn, |x: i32| x * 2)
/// }
/// # fn main() {}
/// ```
struct OwnFunction;
