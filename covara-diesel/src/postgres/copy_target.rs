//! A target of `COPY` that is known at run time.

use std::cell::RefCell;

use diesel::QueryResult;
use diesel::pg::{CopyTarget, Pg};
use diesel::query_builder::AstPass;

thread_local! {
    /// The table or query that is copied. Diesel takes a target by its type, which cannot hold a text.
    static SQL: RefCell<String> = const { RefCell::new(String::new()) };
}

diesel::table! {
    /// A placeholder for the table that a target's type would name.
    __covara_copied (id) {
        id -> Integer,
    }
}

/// The target that this thread has set.
pub(super) struct Target;

impl Target {
    /// Sets the SQL after `COPY`: a table with columns, or a query in parentheses.
    pub(super) fn set(sql: String) {
        SQL.set(sql);
    }
}

impl CopyTarget for Target {
    type Table = __covara_copied::table;
    /// Diesel requires this type, but uses it only for reading rows of a known type.
    type SqlType = diesel::sql_types::Integer;

    fn walk_target(mut pass: AstPass<'_, '_, Pg>) -> QueryResult<()> {
        SQL.with_borrow(|sql| pass.push_sql(sql));
        Ok(())
    }
}
