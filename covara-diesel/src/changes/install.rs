//! Creates the log and its triggers.

use std::thread;
use std::time::{Duration, Instant};

use diesel::query_builder::QueryFragment;

use super::engine::{ChangeEngine, InstallPlan};
use super::error::ChangeError;
use super::table::CapturedTable;
use crate::backend::connection::{BackendConnection, message};
use crate::backend::error::ErrorKind;
use crate::backend::transaction::Transaction;

/// How long an installation waits for other processes that boot.
const WAIT: Duration = Duration::from_secs(60);

/// How long it waits for the lock of a table before it lets those that wait behind it go on.
const AT_ONCE: Duration = Duration::from_millis(500);

/// The pause until it tries again.
const PAUSE: Duration = Duration::from_millis(200);

/// How often an installation without a lock tries again after other processes.
const ATTEMPTS: usize = 20;

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

pub(super) fn run<C>(
    conn: &mut C,
    tables: &[CapturedTable],
    is_notifying: bool,
) -> Result<Installed, ChangeError>
where
    C: BackendConnection<Backend: ChangeEngine>,
{
    let plan = C::Backend::plan(conn, tables, is_notifying)?;
    if plan.statements.is_empty() {
        return Ok(Installed::default());
    }
    if !conn.is_transactional() {
        return run_as_batch(conn, tables, is_notifying, plan);
    }
    let begun = Instant::now();
    // In a transaction of the caller's, locks that it has stay as they are.
    let wait = match conn.is_in_transaction()? {
        true => WAIT,
        false => AT_ONCE,
    };
    loop {
        match in_transaction(conn, tables, is_notifying, wait) {
            Err(ChangeError::Database(error))
                if error.kind() == ErrorKind::Locked && begun.elapsed() + wait < WAIT =>
            {
                thread::sleep(PAUSE);
            }
            installed => return installed,
        }
    }
}

fn in_transaction<C>(
    conn: &mut C,
    tables: &[CapturedTable],
    is_notifying: bool,
    wait: Duration,
) -> Result<Installed, ChangeError>
where
    C: BackendConnection<Backend: ChangeEngine>,
{
    let begin = |conn: &mut C| conn.begin_migration(wait, None);
    let mut transaction = Transaction::begin(conn, begin)?;
    let conn = transaction.conn();
    // Another process may have done it first.
    let plan = C::Backend::plan(conn, tables, is_notifying)?;
    for statement in &plan.statements {
        conn.execute_returning_count(statement)?;
    }
    transaction.commit()?;
    Ok(plan.into())
}

/// Executes the plan as one batch. Nothing keeps other processes out, and a batch fails if one of
/// them was there first.
fn run_as_batch<C>(
    conn: &mut C,
    tables: &[CapturedTable],
    is_notifying: bool,
    mut plan: InstallPlan,
) -> Result<Installed, ChangeError>
where
    C: BackendConnection<Backend: ChangeEngine>,
{
    let mut attempts = 1;
    loop {
        let statements: Vec<&dyn QueryFragment<C::Backend>> =
            plan.statements.iter().map(|sql| sql as _).collect();
        let Err(error) = conn.atomically(&statements) else {
            return Ok(plan.into());
        };
        let is_new = |next: &InstallPlan| next.statements != plan.statements;
        let is_deadlock = message(&error).contains("deadlock detected");
        match C::Backend::plan(conn, tables, is_notifying) {
            Ok(next) if attempts < ATTEMPTS && (is_deadlock || is_new(&next)) => plan = next,
            _ => return Err(error.into()),
        }
        if plan.statements.is_empty() {
            return Ok(Installed::default());
        }
        attempts += 1;
    }
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
