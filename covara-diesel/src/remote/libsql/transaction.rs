//! The state of a transaction, and the errors about it.

use diesel::result::{DatabaseErrorKind, Error};

use crate::remote::sql::{Done, Ending};
use crate::remote::value::Statement;

pub(super) enum StreamTransaction {
    None,
    /// On the client's stream.
    Open(Done),
    /// Ended, but its end has not been reported yet.
    Over(Over),
}

/// The reason why a transaction ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    /// Ended by the server, or lost on the way.
    Lost,
    /// Ended by a statement of the caller's.
    ByHand(Ending),
    /// The answer to such a statement was lost.
    Unknown,
}

pub(super) const TRANSACTION_LOST: &str = "the transaction was ended by the server or lost on the \
     way to it; nothing of it is kept, begin again";

const COMMITTED: &str = "the transaction was ended by COMMIT before its end: what was done until \
     then is kept, and nothing is done after it; leave its end to transaction()";

const ROLLED_BACK: &str = "the transaction was ended by ROLLBACK before its end: nothing of it is \
     kept, and nothing is done after it; leave its end to transaction()";

const UNKNOWN: &str = "the transaction was ended by COMMIT before its end, and the answer was \
     lost: what was done until then may or may not be kept, and nothing is done after it";

impl Over {
    /// Returns the state of a transaction after the answer to these statements was lost.
    pub(super) fn without_answer(endings: &[Option<Ending>]) -> Self {
        match endings.contains(&Some(Ending::Commit)) {
            true => Self::Unknown,
            false => Self::Lost,
        }
    }

    /// Returns why a transaction ended, after the first `ran` of these statements were run.
    pub(super) fn after(endings: &[Option<Ending>], ran: usize) -> Self {
        let last = ran.checked_sub(1).and_then(|last| endings.get(last));
        last.copied().flatten().map_or(Self::Lost, Self::ByHand)
    }

    /// Returns the error for every further statement in the transaction.
    pub(super) fn error(self) -> Error {
        let message = match self {
            Self::Lost => TRANSACTION_LOST,
            Self::ByHand(Ending::Commit) => COMMITTED,
            Self::ByHand(Ending::Rollback) => ROLLED_BACK,
            Self::Unknown => UNKNOWN,
        };
        Error::DatabaseError(
            DatabaseErrorKind::ClosedConnection,
            Box::new(message.to_owned()),
        )
    }
}

pub(super) fn endings(statements: &[Statement]) -> Vec<Option<Ending>> {
    statements
        .iter()
        .map(|statement| statement.facts.ending)
        .collect()
}
