//! Constraints that the database would check only when the seed's transaction ends, without a word
//! about the row.

use diesel::result::Error;

use super::state::Run;
use crate::backend::connection::BackendConnection;
use crate::seed::conflict::OnConflict;
use crate::seed::deferral::DeferredConstraint;
use crate::seed::engine::SeedEngine;
use crate::seed::error::SeedError;
use crate::seed::target::unquoted;

impl<C: BackendConnection<Backend: SeedEngine>> Run<'_, '_, C> {
    /// Has constraints checked at once that are INITIALLY DEFERRED, if only the seed's own rows can
    /// satisfy them: of these, foreign keys are [deferred again](Self::defer_constraint) where rows
    /// refer to later ones. A transaction of the caller's may satisfy them later.
    pub(in crate::seed) fn check_at_once(&mut self) -> Result<(), SeedError> {
        // Each batch is a transaction of its own.
        if self.references.is_savepoint || self.batches.is_some() {
            return Ok(());
        }
        let found = C::Backend::deferred_constraints(self.conn, &self.tables)?;
        let on_conflict = self.on_conflict;
        let is_own = |constraint: &DeferredConstraint| {
            !constraint.others_write
                && match on_conflict {
                    // The server cannot skip rows by them, and names them only if they are violated.
                    OnConflict::Skip => constraint.is_foreign_key,
                    OnConflict::Fail => true,
                    // Rows may change places.
                    OnConflict::Update => false,
                }
        };
        let (own, others) = found.into_iter().partition::<Vec<_>, _>(is_own);
        if !own.is_empty() {
            self.conn.batch_execute(&set_immediate(&own))?;
        }
        self.references.deferred = others;
        Ok(())
    }

    /// Checks those that were left, before the transaction ends.
    pub(super) fn check_deferred(&mut self) -> Result<(), SeedError> {
        let deferred = std::mem::take(&mut self.references.deferred);
        if deferred.is_empty() {
            return Ok(());
        }
        let Err(source) = self.conn.batch_execute(&set_immediate(&deferred)) else {
            return Ok(());
        };
        let is_violated = |constraint: &&DeferredConstraint| match &source {
            Error::DatabaseError(_, information) => {
                information.constraint_name() == Some(constraint.name.as_str())
            }
            _ => false,
        };
        match deferred.iter().find(is_violated) {
            Some(&DeferredConstraint { table, .. }) => Err(SeedError::Rows {
                table: unquoted(&self.tables[table]),
                first: 1,
                last: self.attempted(table),
                position: None,
                source,
            }),
            None => Err(source.into()),
        }
    }
}

fn set_immediate(constraints: &[DeferredConstraint]) -> String {
    let names: Vec<&str> = constraints.iter().map(|it| it.sql_name.as_str()).collect();
    format!("SET CONSTRAINTS {} IMMEDIATE", names.join(", "))
}
