//! Small queries, and errors as text.

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

/// The URL of a database for `open`, which must be told what is at an HTTP address.
pub(crate) fn url_to_open(url: String) -> String {
    if url.starts_with("http") {
        format!("{url}?driver=libsql")
    } else {
        url
    }
}
