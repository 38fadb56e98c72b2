//! The transaction of a whole seed.

use std::cell::Cell;
use std::rc::Rc;

use super::engine::{Forward, SeedEngine};
use super::error::SeedError;
use super::options::SeedOptions;
use super::order;
use super::report::SeedSummary;
use super::rows::PreparedTable;
use super::run::{Run, dangling};
use crate::backend::connection::BackendConnection;
use crate::backend::transaction::{Transaction, insist};

/// Runs a seed in a transaction, or in batches where there are none.
pub(super) fn run<'a, C: BackendConnection<Backend: SeedEngine>>(
    conn: &mut C,
    options: SeedOptions<'a>,
    prepare: impl FnOnce(&mut C) -> Result<Vec<PreparedTable<'a, C>>, SeedError>,
) -> Result<SeedSummary, SeedError> {
    let is_deferred = Rc::new(Cell::new(false));
    let keeps = !options.dry_run;
    if !conn.is_transactional() {
        if !keeps {
            return Err(SeedError::NoDryRun);
        }
        return write(conn, options, prepare, false, is_deferred);
    }
    let undeferred = Undeferred {
        conn,
        is_deferred: Rc::clone(&is_deferred),
    };
    let begin = |conn: &mut C| conn.begin_write(options.lock_timeout);
    let mut transaction = Transaction::begin(&mut *undeferred.conn, begin)?;
    let is_savepoint = transaction.is_savepoint();
    let conn = transaction.conn();
    let stop = options.stop.clone();
    if let Some(stop) = &stop {
        // Without it, stopping only takes longer.
        stop.begun(&mut || conn.transaction_name().ok().flatten());
    }
    if let Forward::Deferred(by) = C::Backend::forward::<C>() {
        by.clear(conn, is_savepoint)?;
    }
    let summary = write(conn, options, prepare, is_savepoint, is_deferred)?;
    if keeps {
        if stop.is_some_and(|stop| stop.must_stop(true)) {
            return Err(SeedError::Stopped);
        }
        transaction.commit()?;
    } else if !is_savepoint {
        C::Backend::check_constraints(conn)?;
        if let Forward::Deferred(by) = C::Backend::forward::<C>()
            && by.may_violate(conn)?
        {
            let violations = by.violations(conn)?;
            drop(transaction);
            // The commit would not refuse those that were there before.
            if violations > 0 && violations > by.violations(undeferred.conn)? {
                return Err(dangling().into());
            }
        }
    }
    // Otherwise it is rolled back when dropped.
    Ok(summary)
}

/// Ends the deferral of foreign keys after the seed's transaction. If the seed has failed, a
/// transaction around it would keep the deferral.
struct Undeferred<'c, C: BackendConnection<Backend: SeedEngine>> {
    conn: &'c mut C,
    is_deferred: Rc<Cell<bool>>,
}

impl<C: BackendConnection<Backend: SeedEngine>> Drop for Undeferred<'_, C> {
    fn drop(&mut self) {
        if !self.is_deferred.get() {
            return;
        }
        if let Forward::Deferred(by) = C::Backend::forward::<C>() {
            // If an error or panic led here, it is already being reported.
            insist(self.conn, |conn| by.cancel(conn));
        }
    }
}

fn write<'a, C: BackendConnection<Backend: SeedEngine>>(
    conn: &mut C,
    options: SeedOptions<'a>,
    prepare: impl FnOnce(&mut C) -> Result<Vec<PreparedTable<'a, C>>, SeedError>,
    is_savepoint: bool,
    is_deferred: Rc<Cell<bool>>,
) -> Result<SeedSummary, SeedError> {
    let mut tables = prepare(conn)?;
    unify_spellings(&mut tables);
    let names = |tables: &[PreparedTable<'a, C>]| -> Vec<String> {
        let names = tables.iter().map(|table| table.target.table.clone());
        names.collect()
    };
    let mut order: Vec<usize> = (0..tables.len()).collect();
    if options.by_foreign_keys {
        order = order::groups(conn, &names(&tables))?.concat();
        let mut given: Vec<_> = tables.into_iter().map(Some).collect();
        tables = order.iter().filter_map(|at| given[*at].take()).collect();
    }
    let replace = options.replace;
    let names = names(&tables);
    let mut run = Run::new(conn, options, names, is_savepoint, is_deferred);
    if replace {
        run.empty_tables()?;
    }
    run.check_at_once()?;
    for PreparedTable {
        target,
        extent,
        write,
    } in tables
    {
        run.begin_table(extent);
        write(&mut run, target)?;
    }
    let mut summary = run.finish()?;
    let mut tables: Vec<_> = order.into_iter().zip(summary.tables).collect();
    tables.sort_by_key(|(position, _)| *position);
    summary.tables = tables.into_iter().map(|(_, table)| table).collect();
    Ok(summary)
}

/// Gives all spellings of a table the first one, where names may differ by case only.
fn unify_spellings<C: BackendConnection<Backend: SeedEngine>>(tables: &mut [PreparedTable<'_, C>]) {
    if C::Backend::NAMES_HAVE_CASE {
        return;
    }
    for at in 1..tables.len() {
        let (before, rest) = tables.split_at_mut(at);
        let name = &mut rest[0].target.table;
        if let Some(same) = before
            .iter()
            .find(|it| it.target.table.eq_ignore_ascii_case(name))
        {
            name.clone_from(&same.target.table);
        }
    }
}
