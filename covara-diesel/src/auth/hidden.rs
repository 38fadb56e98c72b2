//! Values that must not appear in logs.

use std::fmt;

use diesel::backend::Backend;
use diesel::serialize::{self, Output, ToSql};

/// A value that a statement sends to the database and that must not appear in logs.
///
/// Its `Debug` shows nothing: `debug_query` and Diesel's instrumentation print the binds of a
/// statement with it, and those of the auth stores are session ids, keys and tokens.
#[derive(Clone, Copy)]
pub struct Hidden<T>(pub T);

impl<T> fmt::Debug for Hidden<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl<T, ST, DB> ToSql<ST, DB> for Hidden<T>
where
    T: ToSql<ST, DB>,
    DB: Backend,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        self.0.to_sql(out)
    }
}
