//! Counts transactions that are begun or ended without Diesel's transaction manager.

use diesel::QueryResult;
use diesel::connection::{TransactionDepthChange, TransactionManagerStatus};
use diesel::result::Error;

/// Changes the transaction depth by one, without telling the database.
pub(crate) fn change_depth(
    status: &mut TransactionManagerStatus,
    by: TransactionDepthChange,
) -> QueryResult<()> {
    match status {
        TransactionManagerStatus::Valid(status) => status.change_transaction_depth(by),
        TransactionManagerStatus::InError => Err(Error::BrokenTransactionManager),
    }
}
