//! Passes an open transaction from one owner to another.

use diesel::QueryResult;

use super::{Transaction, transaction_depth};
use crate::backend::connection::Begun;
use crate::backend::typed::{AsTyped, with_typed};

impl<'c, C: AsTyped> Transaction<'c, C> {
    /// Takes over a transaction that has just been begun.
    pub(crate) fn resume(conn: &'c mut C, begun: Begun) -> QueryResult<Self> {
        let depth = with_typed!(&mut *conn, |conn| transaction_depth(conn))?;
        Ok(Self {
            outer: depth.saturating_sub(1),
            begun: Some(begun),
            conn,
        })
    }

    /// Leaves the transaction open for another owner to end.
    pub(crate) fn leave_open(mut self) -> Begun {
        self.begun.take().unwrap_or_default()
    }
}
