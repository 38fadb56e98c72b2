//! The foreign keys of the tables of a seed.

/// A foreign key of a table that is seeded.
#[derive(Debug, Clone)]
pub struct ForeignKey {
    /// Its name as the database's errors have it; `None` if they have none.
    pub name: Option<String>,
    /// Its name in SQL.
    pub sql_name: String,
    /// Its columns, quoted.
    pub columns: Vec<String>,
    /// The quoted name of the table that it refers to.
    pub parent: String,
    /// The columns that it refers to, quoted.
    pub parent_columns: Vec<String>,
    /// The last position in the seed of the table that it refers to, if the seed fills that table.
    pub position: Option<usize>,
    /// `true` if the check can be deferred.
    pub is_deferrable: bool,
    /// `true` if its own declaration may defer the check, also beyond the end of the seed where the
    /// seed is part of a transaction of the caller's.
    pub may_outlast: bool,
}

/// A foreign key, of a table that the seed does not fill, to one that it fills.
#[derive(Debug)]
pub struct OuterReference {
    /// The quoted name of the table that has the foreign key.
    pub child: String,
    /// Its columns, quoted.
    pub columns: Vec<String>,
    /// The quoted name of the table that the seed fills.
    pub parent: String,
    /// `true` if rows of the child may be hidden from the role.
    pub may_hide: bool,
}
