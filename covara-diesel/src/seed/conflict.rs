//! The treatment of rows that conflict with others.

use diesel::result::{DatabaseErrorKind, Error};

use super::error::SeedError;

/// The treatment of a row that conflicts with an existing row, or with an earlier row of the same
/// seed.
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
    ///   triggers run also for rows that exist, perhaps twice. A row that a trigger leaves out, by
    ///   `RETURN NULL` or `RAISE(IGNORE)`, counts as unchanged: the database says only that nothing
    ///   was written.
    ///
    /// It takes two statements for rows that one inserts under [`Skip`](Self::Skip).
    Update,
    /// Fails at the first row that conflicts with any unique constraint, with
    /// [`SeedError::Conflict`](crate::SeedError::Conflict). On SQLite a conflict clause that the
    /// table declares has no effect, also one on NOT NULL. A row that a trigger leaves out is no
    /// conflict, and counts as skipped.
    Fail,
}

/// A unique key of a table, as the database describes it.
#[derive(Debug, Clone)]
pub struct FoundKey {
    /// Its columns, unquoted.
    pub columns: Vec<String>,
    /// `true` if it is the primary key.
    pub is_primary: bool,
    /// `true` if its check can be deferred.
    pub is_deferrable: bool,
    /// `true` if NULL equals NULL in it.
    pub nulls_are_equal: bool,
}

/// A unique index of a table, which may have a condition.
#[derive(Debug, Clone)]
pub struct UniqueIndex {
    /// Its columns, unquoted; `None` stands for an expression.
    pub columns: Vec<Option<String>>,
    /// `true` if NULL equals NULL in it.
    pub nulls_are_equal: bool,
}

/// The key and the other columns of the rows that update a table, all quoted.
#[derive(Debug, Clone)]
pub struct UpdateColumns {
    /// The columns of the key.
    pub key: Vec<String>,
    /// The seeded columns that are not in the key.
    pub others: Vec<String>,
    /// `true` if NULL equals NULL in the key.
    pub nulls_are_equal: bool,
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
