//! What must hold on every backend. Each root names its backend in a module `backend`.

pub(crate) mod auth;
pub(crate) mod command;
mod doctor;
mod fixtures;
mod interop;
mod migrate;
mod pool;
mod program;
mod progress;
pub(crate) mod search;
mod seed;
mod seed_errors;
pub(crate) mod seed_model;
mod status;
mod values;

use diesel::prelude::*;
use diesel::sql_types::BigInt;

use crate::backend::Conn;

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// The one number a query yields, named `n`.
pub(crate) fn number(conn: &mut Conn, sql: &str) -> i64 {
    diesel::sql_query(sql)
        .get_result::<Count>(conn)
        .expect(sql)
        .n
}

pub(crate) fn count(conn: &mut Conn, table: &str) -> i64 {
    number(conn, &format!("SELECT count(*) AS n FROM {table}"))
}

/// An error with all its causes, as a program would print it.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
