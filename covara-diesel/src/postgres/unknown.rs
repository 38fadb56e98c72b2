//! Transactions that were begun by SQL, which Diesel does not know of.

use diesel::connection::{Connection, DynInstrumentation, SimpleConnection};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::Error;

use super::watch::tells_nobody;
use crate::connection::message;
use crate::transaction::{count_nothing, transaction_depth};

/// Whether a transaction is open, although Diesel counts none.
///
/// `BEGIN` would only warn, and its `COMMIT` would commit the caller's. libpq knows the
/// transaction's state, and Diesel looks there after each statement, which marks its
/// transaction manager as broken where the statement failed and no transaction is counted. So
/// a statement that fails before it is sent tells it without a round trip. An observer would
/// take it for a failure, so where there is one,
/// other than a pool's own, the server is asked.
pub(super) fn is_open(conn: &mut PgConnection) -> QueryResult<bool> {
    let nobody = DynInstrumentation::none().as_any().type_id();
    let observer = conn.instrumentation();
    if observer.as_any().type_id() != nobody && !tells_nobody(observer) {
        return ask(conn);
    }
    // A broken one is for the caller to hear of.
    transaction_depth(conn)?;
    let _ = conn.execute_returning_count(&Unsent);
    let is_open = transaction_depth(conn).is_err();
    if is_open {
        // Where the connection is lost, beginning finds it.
        count_nothing(conn);
    }
    Ok(is_open)
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

/// What the server says where a transaction is open.
const OPEN: &str = "covara_open";

/// Within one message of the simple protocol, a transaction that begins with it has the time of
/// the statement, and no number. Else nothing after the look is run, and the savepoint keeps the
/// caller's transaction usable.
const LOOK: &str = "BEGIN; SAVEPOINT covara_look;
SELECT CASE WHEN now() = statement_timestamp() AND txid_current_if_assigned() IS NULL
            THEN '0' ELSE 'covara_open' END::int;
RELEASE SAVEPOINT covara_look; COMMIT";
const AFTER_LOOK: &str = "ROLLBACK TO SAVEPOINT covara_look; RELEASE SAVEPOINT covara_look";

fn ask(conn: &mut PgConnection) -> QueryResult<bool> {
    match conn.batch_execute(LOOK) {
        Ok(()) => Ok(false),
        Err(error) if message(&error).contains(OPEN) => {
            conn.batch_execute(AFTER_LOOK)?;
            Ok(true)
        }
        Err(error) => Err(error),
    }
}
