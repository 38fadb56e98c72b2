//! A kind of table that takes the whole transaction with it. Over libSQL, whose transaction is a
//! stream that is gone then, the row is not looked for any more.

use crate::suite::seed_model::kinds;

kinds! {
    not_null_on_conflict_rollback:
        "CREATE TABLE {t} (id BIGINT PRIMARY KEY, code TEXT UNIQUE,
             part BIGINT NOT NULL ON CONFLICT ROLLBACK)",
}
