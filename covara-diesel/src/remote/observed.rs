//! What observers are told, on every connection over HTTP.

use diesel::connection::{Connection, DebugQuery, DynInstrumentation, InstrumentationEvent};
use diesel::result::{ConnectionResult, QueryResult};

use super::url::without_secrets;

/// Opens a connection to a URL, and returns it with its observer, who is told of that.
pub(super) fn established<T>(
    url: &str,
    open: impl FnOnce() -> ConnectionResult<T>,
) -> ConnectionResult<(T, DynInstrumentation)> {
    let mut instrumentation = DynInstrumentation::default_instrumentation();
    let shown = without_secrets(url);
    instrumentation.on_connection_event(InstrumentationEvent::start_establish_connection(&shown));
    let opened = open();
    instrumentation.on_connection_event(InstrumentationEvent::finish_establish_connection(
        &shown,
        opened.as_ref().err(),
    ));
    Ok((opened?, instrumentation))
}

/// Runs a query, and tells the connection's observer before and after.
pub(super) fn watched<C: Connection, R>(
    conn: &mut C,
    query: &dyn DebugQuery,
    run: impl FnOnce(&mut C) -> QueryResult<R>,
) -> QueryResult<R> {
    conn.instrumentation()
        .on_connection_event(InstrumentationEvent::start_query(query));
    let result = run(conn);
    let error = result.as_ref().err();
    conn.instrumentation()
        .on_connection_event(InstrumentationEvent::finish_query(query, error));
    result
}
