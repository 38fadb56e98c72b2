//! Transactions, of which there are none.

use diesel::connection::{Connection, TransactionManager, TransactionManagerStatus};
use diesel::result::{Error, QueryResult};

use crate::remote::error::unsupported;

/// A transaction manager that refuses to begin.
#[derive(Debug)]
pub struct NeonTransactions;

pub(super) const NO_TRANSACTIONS: &str = "Neon has no transactions over HTTP that span several \
     calls: send what must happen together as one batch(). Diesel begins one where several structs \
     with defaults are inserted at once: give them #[diesel(treat_none_as_default_value = false)], \
     or send each row as a statement of one batch()";

impl<C: Connection<TransactionManager = Self>> TransactionManager<C> for NeonTransactions {
    type TransactionStateData = TransactionManagerStatus;

    fn begin_transaction(_: &mut C) -> QueryResult<()> {
        Err(unsupported(NO_TRANSACTIONS))
    }

    fn rollback_transaction(_: &mut C) -> QueryResult<()> {
        Err(Error::NotInTransaction)
    }

    fn commit_transaction(_: &mut C) -> QueryResult<()> {
        Err(Error::NotInTransaction)
    }

    fn transaction_manager_status_mut(conn: &mut C) -> &mut TransactionManagerStatus {
        conn.transaction_state()
    }
}
