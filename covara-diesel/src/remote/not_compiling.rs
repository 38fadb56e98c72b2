//! What does not compile on remote connections, as their documentation says, behind the same on a
//! file, which does. Only rustdoc's tests see this module.

/// SQL functions of the program's own.
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
