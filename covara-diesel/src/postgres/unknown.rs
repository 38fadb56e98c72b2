//! Transactions that were begun with SQL, which Diesel does not know of.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use diesel::connection::{
    AnsiTransactionManager, Connection, DynInstrumentation, SimpleConnection, TransactionManager,
    TransactionManagerStatus,
};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::Error;

use super::watch::set_quiet;
use crate::backend::connection::message;
use crate::backend::transaction::{count_nothing, insist, transaction_depth};

/// Returns whether a transaction is open although Diesel counts none.
///
/// A second `BEGIN` would only warn, and its `COMMIT` would commit the caller's transaction. libpq
/// knows the transaction's state, and Diesel checks it after each statement: if the statement
/// failed and no transaction is counted, Diesel marks its transaction manager as broken. So a
/// statement that fails before it is sent reveals the state without a round trip. An observer would
/// see a failure, so if there is an observer that cannot be silenced, the server is asked instead.
pub(super) fn is_open(conn: &mut PgConnection) -> QueryResult<bool> {
    // A broken transaction manager is reported to the caller.
    transaction_depth(conn)?;
    if !look(conn) {
        return ask(conn);
    }
    let is_open = transaction_depth(conn).is_err();
    if is_open {
        // If the connection is lost, beginning a transaction will report it.
        count_nothing(conn);
    }
    Ok(is_open)
}

/// Returns whether a statement has failed in the transaction that Diesel counts. After most
/// statements Diesel has checked by itself, but not after `COPY`.
pub(super) fn is_aborted(conn: &mut PgConnection) -> QueryResult<bool> {
    if !is_known_aborted(conn)
        && !look(conn)
        && let Err(error) = conn.batch_execute("SELECT 1")
        && !is_known_aborted(conn)
    {
        return Err(error);
    }
    Ok(is_known_aborted(conn))
}

/// Returns the same, as far as Diesel has noticed it.
pub(super) fn is_known_aborted(conn: &mut PgConnection) -> bool {
    match AnsiTransactionManager::transaction_manager_status_mut(conn) {
        TransactionManagerStatus::Valid(status) => status
            .in_transaction
            .as_ref()
            .is_some_and(|status| status.requires_rollback_maybe_up_to_top_level),
        TransactionManagerStatus::InError => false,
    }
}

/// Makes Diesel check the transaction's state, unless an observer would be notified.
fn look(conn: &mut PgConnection) -> bool {
    let nobody = DynInstrumentation::none().as_any().type_id();
    let observer = conn.instrumentation();
    let is_observed = observer.as_any().type_id() != nobody;
    if is_observed && !set_quiet(observer, true) {
        return false;
    }
    let _ = conn.execute_returning_count(&Unsent);
    set_quiet(conn.instrumentation(), false);
    true
}

/// A statement that fails before it is sent.
struct Unsent;

impl QueryId for Unsent {
    type QueryId = Self;
}

impl QueryFragment<Pg> for Unsent {
    fn walk_ast<'b>(&'b self, _: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        Err(Error::RollbackTransaction)
    }
}

/// The text in the server's error if a transaction is open.
const OPEN: &str = "covara_open";

/// The message that examines the state. Within one message of the simple protocol, a transaction
/// that begins with it has the time of the statement, and no transaction id. Otherwise nothing
/// after the SELECT is run, and the savepoint keeps the caller's transaction usable.
const LOOK: &str = "BEGIN; SAVEPOINT covara_look;
SELECT CASE WHEN now() = statement_timestamp() AND txid_current_if_assigned() IS NULL
            THEN '0' ELSE 'covara_open' END::int;
RELEASE SAVEPOINT covara_look; COMMIT";
const AFTER_LOOK: &str = "ROLLBACK TO SAVEPOINT covara_look; RELEASE SAVEPOINT covara_look";

fn ask(conn: &mut PgConnection) -> QueryResult<bool> {
    match catch_unwind(AssertUnwindSafe(|| conn.batch_execute(LOOK))) {
        Ok(Ok(())) => Ok(false),
        Ok(Err(error)) if message(&error).contains(OPEN) => {
            let back = AssertUnwindSafe(|| conn.batch_execute(AFTER_LOOK));
            match catch_unwind(back) {
                Ok(back) => back.map(|()| true),
                Err(panic) => {
                    after_panic(conn);
                    resume_unwind(panic)
                }
            }
        }
        Ok(Err(error)) => Err(error),
        Err(panic) => {
            after_panic(conn);
            resume_unwind(panic)
        }
    }
}

/// Undoes the effects of a look that a panic of an observer interrupted. If it panicked at the end,
/// the caller's transaction has failed; at the beginning, nothing has happened, and rolling back to
/// a missing savepoint would abort the transaction.
fn after_panic(conn: &mut PgConnection) {
    let undone = insist(conn, |conn| {
        let _ = conn.execute_returning_count(&Unsent);
        // Broken means that a transaction is open that has not failed. Otherwise there is none, or
        // only the savepoint helps. If that is gone, the transaction had failed before.
        if transaction_depth(conn).is_ok() {
            let _ = conn.batch_execute(AFTER_LOOK);
        }
        count_nothing(conn);
    });
    if !undone {
        AnsiTransactionManager::transaction_manager_status_mut(conn).set_in_error();
    }
}
