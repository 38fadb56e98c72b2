//! What a seed does with rows that conflict with others.

use diesel::QueryResult;
use diesel::query_builder::QueryBuilder;
use diesel::result::{DatabaseErrorKind, Error};

use super::engine::SeedEngine;
use super::error::{KeyProblem, SeedError};
use super::target::SeedTarget;
use crate::backend::connection::BackendConnection;

/// What a seed does with a row that conflicts with a row that is there, or with an earlier row of
/// the same seed.
///
/// ```
/// use covara_diesel::{OnConflict, Seed, Seedable, pool};
/// use diesel::connection::SimpleConnection;
///
/// diesel::table! {
///     users (id) {
///         id -> Integer,
///         email -> Text,
///         name -> Text,
///     }
/// }
///
/// #[derive(Seedable)]
/// #[diesel(table_name = users)]
/// #[seedable(conflict = email)]
/// struct User {
///     email: &'static str,
///     name: &'static str,
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = pool::sqlite(":memory:")?;
/// let mut conn = pool.get()?;
/// conn.batch_execute(
///     "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT NOT NULL)",
/// )?;
/// User::seed(&mut conn, &[User { email: "ada@example.org", name: "Ada" }])?;
///
/// let users = [
///     User { email: "ada@example.org", name: "Ada Lovelace" },
///     User { email: "alan@example.org", name: "Alan" },
///     User { email: "alan@example.org", name: "Alan" },
/// ];
/// let summary = Seed::new()
///     .table(&users)
///     .on_conflict(OnConflict::Update)
///     .run(&mut conn)?;
/// assert_eq!((summary.inserted(), summary.updated(), summary.unchanged()), (1, 1, 1));
///
/// let failed = Seed::new().table(&users).on_conflict(OnConflict::Fail).run(&mut conn);
/// let error = failed.unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "row 1 of users conflicts with users.email; nothing was kept",
/// );
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnConflict {
    /// Skips a row that conflicts with any unique constraint.
    #[default]
    Skip,
    /// Updates the row that has the same key: the primary key, or the columns that
    /// `#[seedable(conflict = column)]` names.
    ///
    /// - The result and the counts are those of applying the rows one after the other. Of two rows
    ///   with the same key the last one wins. Each counts: the first as inserted, say, and the
    ///   second as updated if it differs from the first, or else as unchanged.
    /// - Only columns that the row has are set, and of these not the key. An existing row is
    ///   written only if a value differs. Texts are compared byte by byte whatever the collation,
    ///   and on PostgreSQL every type is, also one without equality, such as `json` and `point`.
    /// - Every row must be fit to be inserted: without a column that is NOT NULL and has no
    ///   default, the database refuses it even if its key is there.
    /// - A row with NULL in its key is inserted, unless the constraint is NULLS NOT DISTINCT.
    /// - A row that conflicts with another unique constraint is
    ///   [`SeedError::Conflict`](crate::SeedError::Conflict).
    /// - The key must be a primary key or unique constraint of the table, on exactly these columns:
    ///   no partial index, none with expressions, and none that is DEFERRABLE. Otherwise, and for a
    ///   view, it is [`SeedError::Key`](crate::SeedError::Key). PostgreSQL refuses to update tables
    ///   with rules, and columns that are `GENERATED ALWAYS AS IDENTITY` but not in the key.
    /// - Where the table has triggers for rows, rows are written one at a time, and `BEFORE INSERT`
    ///   triggers run also for rows that exist, perhaps twice.
    ///
    /// It takes two statements for rows that one inserts under [`Skip`](Self::Skip).
    Update,
    /// Fails at the first row that conflicts with any unique constraint, with
    /// [`SeedError::Conflict`](crate::SeedError::Conflict). On SQLite a conflict clause that the
    /// table declares has no effect, also one on NOT NULL.
    Fail,
}

/// A unique key of a table, as the database describes it.
#[derive(Debug, Clone)]
pub struct FoundKey {
    /// Its columns, unquoted.
    pub columns: Vec<String>,
    /// True if it is the primary key.
    pub is_primary: bool,
    /// True if its check can be deferred.
    pub is_deferrable: bool,
    /// True if NULL equals NULL in it.
    pub nulls_are_equal: bool,
}

/// The key and the other columns of the rows that update a table, all quoted.
#[derive(Debug, Clone)]
pub struct UpdateColumns {
    /// The columns of the key.
    pub key: Vec<String>,
    /// The seeded columns that are not in the key.
    pub others: Vec<String>,
    /// True if NULL equals NULL in the key.
    pub nulls_are_equal: bool,
}

/// The statements that update a table, each as the text before and after the values.
#[derive(Debug)]
pub(super) struct Update {
    pub(super) columns: UpdateColumns,
    /// Inserts the rows whose key is not there.
    pub(super) insert: [String; 2],
    /// Updates the rows whose key is there; `None` if the rows have no other columns.
    pub(super) update: Option<[String; 2]>,
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
        })
    }
}

impl Update {
    /// Makes the second statement of a single row do nothing if the first one inserted the row,
    /// which a trigger may have changed. Only for SQLite, where nothing comes between the two.
    pub(super) fn unless_inserted(&mut self) {
        if let Some([_, after]) = &mut self.update {
            *after = after.replacen(" WHERE ", " WHERE changes() = 0 AND ", 1);
        }
    }
}

impl UpdateColumns {
    /// Returns the clause that updates the row `present` with the same key, under a condition.
    pub(crate) fn clause(&self, condition: &str) -> String {
        let sets = self.others.iter();
        let sets: Vec<String> = sets.map(|it| format!("{it} = excluded.{it}")).collect();
        format!(
            "ON CONFLICT ({}) DO UPDATE SET {} WHERE {condition}",
            self.key.join(", "),
            sets.join(", ")
        )
    }
}

fn quoted_name<DB: SeedEngine>(name: &str) -> QueryResult<String> {
    let mut sql = DB::QueryBuilder::default();
    sql.push_identifier(name)?;
    Ok(sql.finish())
}

/// Makes the violation of a unique constraint an error that names the constraint.
pub(super) fn as_conflict(error: SeedError) -> SeedError {
    match error {
        SeedError::Row {
            table,
            row,
            position,
            source: source @ Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _),
        } => SeedError::Conflict {
            table,
            row,
            position,
            constraint: constraint(&source).into(),
            source,
        },
        error => error,
    }
}

/// Returns the name of a unique constraint, or its columns as SQLite names them.
fn constraint(error: &Error) -> String {
    let Error::DatabaseError(_, information) = error else {
        return String::new();
    };
    if let Some(name) = information.constraint_name() {
        return name.to_owned();
    }
    let message = information.message();
    let columns = message.split_once("constraint failed: ");
    let columns = columns.map_or(message, |(_, columns)| columns);
    let columns = columns.split(": SQLITE").next().unwrap_or(columns);
    columns.trim().to_owned()
}
