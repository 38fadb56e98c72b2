//! The statements that update rows by their key.

use diesel::QueryResult;

use super::conflict::{FoundKey, UpdateColumns};
use super::engine::{NotInserted, SeedEngine};
use super::error::{KeyProblem, SeedError};
use super::target::{SeedTarget, quoted_name};
use crate::backend::connection::BackendConnection;

/// The statements that update a table, each as the text before and after the values.
#[derive(Debug)]
pub(super) struct Update {
    pub(super) columns: UpdateColumns,
    /// Inserts the rows whose key is not there.
    pub(super) insert: [String; 2],
    /// Updates the rows whose key is there; `None` if the rows have no other columns.
    pub(super) update: Option<[String; 2]>,
    /// A statement before both.
    pub(super) forget: Option<&'static str>,
}

impl Update {
    /// Finds the key by which the rows of a table are updated.
    pub(super) fn of<C: BackendConnection<Backend: SeedEngine>>(
        conn: &mut C,
        target: &SeedTarget,
        verb: &str,
    ) -> Result<Self, SeedError> {
        let same = |a: &str, b: &str| match C::Backend::NAMES_HAVE_CASE {
            true => a == b,
            false => a.eq_ignore_ascii_case(b),
        };
        let has = |all: &[String], name: &String| all.iter().any(|it| same(it, name));
        let wanted = &target.conflict;
        let is_wanted = |key: &FoundKey| match wanted.is_empty() {
            true => key.is_primary,
            false => {
                key.columns.iter().all(|it| has(wanted, it))
                    && wanted.iter().all(|it| has(&key.columns, it))
            }
        };
        let mut found = C::Backend::unique_keys(conn, &target.table)?;
        found.retain(is_wanted);
        let problem = |columns: &[String], problem| SeedError::Key {
            table: target.name(),
            columns: columns.to_vec(),
            problem,
        };
        let usable = found.iter().find(|key| !key.is_deferrable);
        let key = match (usable, found.first()) {
            (Some(key), _) => key,
            (None, Some(key)) => return Err(problem(&key.columns, KeyProblem::Deferrable)),
            (None, None) => return Err(problem(wanted, KeyProblem::Missing)),
        };
        if !key.columns.iter().all(|it| has(&target.columns, it)) {
            return Err(problem(&key.columns, KeyProblem::NotSeeded));
        }
        let quoted = |names: &[String], in_key: bool| {
            let names = names.iter();
            let names = names.filter(|it| has(&key.columns, it) == in_key);
            names
                .map(|it| quoted_name::<C::Backend>(it))
                .collect::<QueryResult<Vec<_>>>()
        };
        let columns = UpdateColumns {
            key: quoted(&target.columns, true)?,
            others: quoted(&target.columns, false)?,
            nulls_are_equal: key.nulls_are_equal,
        };
        let all = target
            .columns
            .iter()
            .map(|it| quoted_name::<C::Backend>(it));
        let all = all.collect::<QueryResult<Vec<_>>>()?;
        // The key has values, unless NULL is one of them: otherwise the row was just inserted.
        let in_key = (1..).zip(&target.columns);
        let in_key = in_key.filter(|(_, it)| has(&key.columns, it));
        let values: Vec<String> = in_key
            .map(|(at, _)| format!("new.column{at} IS NOT NULL"))
            .collect();
        let values = match key.nulls_are_equal {
            true => "true".to_owned(),
            false => values.join(" AND "),
        };
        let table = &target.table;
        let into = format!(
            "{verb}{table} AS present ({}){}",
            all.join(", "),
            C::Backend::OVERRIDE
        );
        let insert = [
            format!("{into} VALUES "),
            format!(" ON CONFLICT ({}) DO NOTHING", columns.key.join(", ")),
        ];
        let update = (!columns.others.is_empty()).then(|| {
            [
                format!("{into} SELECT * FROM (VALUES "),
                format!(
                    ") AS new WHERE {values} {}",
                    columns.clause(&C::Backend::differs(&columns.others))
                ),
            ]
        });
        Ok(Self {
            columns,
            insert,
            update,
            forget: None,
        })
    }
}

impl Update {
    /// Makes the second statement of a single row do nothing if the first one inserted the row,
    /// which a trigger may have changed. Only for batches, where nothing comes between the two.
    pub(super) fn unless_inserted<DB: SeedEngine>(&mut self) {
        let Self { insert, update, .. } = self;
        if let Some([_, after]) = update {
            let NotInserted {
                forget,
                before_insert,
                after_insert,
                condition,
            } = DB::NOT_INSERTED;
            self.forget = forget;
            insert[0].insert_str(0, before_insert);
            insert[1].push_str(after_insert);
            *after = after.replacen(" WHERE ", &format!(" WHERE {condition} AND "), 1);
        }
    }
}
