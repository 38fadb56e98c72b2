//! Creates the log and its triggers.

use std::time::Duration;

use diesel::query_builder::QueryFragment;

use super::engine::{ChangeEngine, InstallPlan};
use super::error::ChangeError;
use super::table::CapturedTable;
use crate::backend::connection::BackendConnection;
use crate::backend::transaction::Transaction;

/// How long an installation waits for other processes that boot.
const WAIT: Duration = Duration::from_secs(60);

/// What [`ChangeLog::install`](super::ChangeLog::install) did, by the names of tables. Nothing the
/// next time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Installed {
    /// Tables whose changes are logged from now on.
    pub added: Vec<String>,
    /// Tables whose triggers were missing or not as expected: the table was rebuilt, given other
    /// columns or partitions, is captured in another way, or somebody changed them. Each has an
    /// [`Operation::All`](super::Operation::All) in the log.
    pub mended: Vec<String>,
    /// Tables that are no longer listed, whose changes are not logged from now on.
    pub removed: Vec<String>,
}

pub(super) fn run<C>(conn: &mut C, tables: &[CapturedTable]) -> Result<Installed, ChangeError>
where
    C: BackendConnection<Backend: ChangeEngine>,
{
    let plan = C::Backend::plan(conn, tables)?;
    if plan.statements.is_empty() {
        return Ok(Installed::default());
    }
    if !conn.is_transactional() {
        let statements: Vec<&dyn QueryFragment<C::Backend>> =
            plan.statements.iter().map(|sql| sql as _).collect();
        conn.atomically(&statements)?;
        return Ok(plan.into());
    }
    let begin = |conn: &mut C| conn.begin_migration(WAIT, None);
    let mut transaction = Transaction::begin(conn, begin)?;
    let conn = transaction.conn();
    // Another process may have done it first.
    let plan = C::Backend::plan(conn, tables)?;
    for statement in &plan.statements {
        conn.execute_returning_count(statement)?;
    }
    transaction.commit()?;
    Ok(plan.into())
}

impl From<InstallPlan> for Installed {
    fn from(plan: InstallPlan) -> Self {
        Self {
            added: plan.added,
            mended: plan.mended,
            removed: plan.removed,
        }
    }
}
