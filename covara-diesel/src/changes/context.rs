//! What triggers are told about the transaction that they run in.

use diesel::QueryResult;
use diesel::result::Error;

use super::engine::{ChangeDatabase, ChangeEngine, Context, Left};
use crate::backend::connection::BackendConnection;
use crate::backend::transaction::write_transaction;
use crate::backend::typed::with_typed;

pub(super) fn run<C, T, E>(
    conn: &mut C,
    context: Context<'_>,
    work: impl FnOnce(&mut C) -> Result<T, E>,
) -> Result<T, E>
where
    C: ChangeDatabase,
    E: From<Error>,
{
    let done = write_transaction(conn, |conn| {
        let left = with_typed!(&mut *conn, |conn| enter(conn, context))?;
        let value = work(conn)?;
        with_typed!(&mut *conn, |conn| leave(conn, &left))?;
        Ok(value)
    });
    if done.is_err() {
        with_typed!(conn, |conn| clear(conn));
    }
    done
}

fn enter<C>(conn: &mut C, context: Context<'_>) -> QueryResult<Left>
where
    C: BackendConnection<Backend: ChangeEngine>,
{
    C::Backend::enter(conn, context)
}

fn leave<C>(conn: &mut C, left: &Left) -> QueryResult<()>
where
    C: BackendConnection<Backend: ChangeEngine>,
{
    C::Backend::leave(conn, left)
}

/// Removes what is left if `work` committed the transaction by hand.
fn clear<C>(conn: &mut C)
where
    C: BackendConnection<Backend: ChangeEngine>,
{
    if conn.is_transactional() && conn.is_in_transaction().is_ok_and(|is| !is) {
        C::Backend::clear_context(conn);
    }
}
