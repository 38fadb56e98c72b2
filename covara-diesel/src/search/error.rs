use diesel::result::Error;

use super::definition::FieldKind;
use crate::backend::engine::{Engine, Fault, fault_of};
use crate::backend::table::{Stranger, what};

/// Why a call of a search adapter failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SearchError {
    /// The name of an index or field is unusable.
    #[error(
        "{name:?} cannot name {}: use up to 100 letters A to Z, digits and _",
        if *what == "index" { "an index" } else { "a field" }
    )]
    Name {
        /// The name.
        name: String,
        /// `index` or `field`.
        what: &'static str,
    },

    /// A definition has two fields of one name.
    #[error("the field {field} is defined twice")]
    FieldTwice {
        /// Its name.
        field: String,
    },

    /// A definition has too many fields.
    #[error(
        "an index holds up to 64 fields, 32 of them searched; here are {fields}, {searched} of \
         them searched"
    )]
    TooManyFields {
        /// How many there are.
        fields: usize,
        /// How many of them are searched.
        searched: usize,
    },

    /// A weight is negative or no number.
    #[error("the weight of {field} must be a number from 0 on")]
    Weight {
        /// Name of the field.
        field: String,
    },

    /// The index that is written to does not exist.
    #[error("there is no index {index}; create it first")]
    UnknownIndex {
        /// Name of the index.
        index: String,
    },

    /// The index that is to be brought up to date from its table follows none, or, on PostgreSQL,
    /// its triggers are on none any more.
    #[error("the index {index} follows no table; only follow makes one that does")]
    FollowsNothing {
        /// Name of the index.
        index: String,
    },

    /// There is an index of that name with another definition.
    #[error(
        "the index {index} exists with other fields; add fields to it by add_fields, or delete \
         it first"
    )]
    IndexDiffers {
        /// Name of the index.
        index: String,
    },

    /// The index was made by an earlier version of this library, whose words differ, and could
    /// not be brought up to date; searched as it is, documents would be missed.
    #[error(
        "the index {index} was made by an earlier version of covara-diesel and must be brought up \
         to date before it is searched: call create_index, follow or search::reindex on a \
         connection that may write"
    )]
    Outdated {
        /// Name of the index.
        index: String,
        /// Why it could not be done now.
        source: Box<Self>,
    },

    /// The index was made or changed by a later version of this library.
    #[error(
        "the index {index} was written by a later version of covara-diesel, whose words this one \
         does not make; use that version"
    )]
    LaterVersion {
        /// Name of the index.
        index: String,
    },

    /// A query names a field that the index has not.
    #[error("the index {index} has no field {field}")]
    UnknownField {
        /// Name of the index.
        index: String,
        /// Name of the field.
        field: String,
    },

    /// A query asks of a field what its kind does not offer.
    #[error("the field {field} of {index} is {kind} and cannot be {verb}")]
    FieldUse {
        /// Name of the index.
        index: String,
        /// Name of the field.
        field: String,
        /// What it holds.
        kind: FieldKind,
        /// `searched`, `filtered` or `sorted by`.
        verb: &'static str,
    },

    /// A value does not fit the field that it is compared with.
    #[error("{value} is no {kind} to compare the field {field} with")]
    FilterValue {
        /// Name of the field.
        field: String,
        /// What the field holds.
        kind: FieldKind,
        /// The value.
        value: String,
    },

    /// A document's id is empty or holds NUL.
    #[error("{id:?} cannot be a document's id: it must have a character, and none of them NUL")]
    Id {
        /// The id.
        id: String,
    },

    /// A document cannot be indexed.
    #[error("the document {id:?} cannot be indexed: {reason}")]
    Document {
        /// Its id.
        id: String,
        /// What is in the way.
        reason: String,
    },

    /// A query has too many words.
    #[error("a query may have up to {most} words")]
    TooManyWords {
        /// How many it may have.
        most: usize,
    },

    /// A filter has too many values.
    #[error("a filter may have up to {most} values; the one on {field} has more")]
    TooManyValues {
        /// Name of the field.
        field: String,
        /// How many it may have.
        most: usize,
    },

    /// The cursor is not one that this query was answered with.
    #[error("the cursor does not belong to a query with this order")]
    Cursor,

    /// What the database holds is not what this library wrote.
    #[error("the database holds {what} that cannot be read; it was written by something else")]
    Unreadable {
        /// What it is.
        what: String,
    },

    /// A table or function of an index belongs to a role that there is no reason to trust, in a
    /// schema where everybody may create such. PostgreSQL only. Nothing of it was read, written
    /// or executed: what its owner has put on it would have had the rights of this connection.
    ///
    /// Trusted are the connection's own role, those that it is a member of, the owners of the
    /// schema and of the database, and superusers.
    #[error(
        "{} belongs to the role {owner}, and everybody may create such in its schema, so anybody \
         may have made it: drop it or change its owner, or make this role a member of {owner}; and \
         REVOKE CREATE ON SCHEMA … FROM PUBLIC",
        what(table)
    )]
    StrangersTable {
        /// Name of the table, or of the function with `()` behind it.
        table: String,
        /// The role that owns it.
        owner: String,
    },

    /// Another writer kept its lock for too long.
    #[error("another writer kept the database locked; try again, or raise the busy timeout")]
    Locked {
        /// The database's own error.
        source: Error,
    },

    /// The database accepts no writes.
    #[error(
        "the database is read-only: give write access to its file, or connect to a writable server"
    )]
    ReadOnly {
        /// The database's own error.
        source: Error,
    },

    /// The disk is full.
    #[error("the disk is full: free some space; nothing was kept")]
    DiskFull {
        /// The database's own error.
        source: Error,
    },

    /// Another client's prepared statements were met, as behind a transaction pooler.
    #[error(
        "other clients use this connection's session: a transaction pooler or PGlite is in \
         between; open the pool with PoolDriver::Hyperdrive or PoolDriver::Pglite"
    )]
    SharedSession {
        /// The database's own error.
        source: Error,
    },

    /// The database failed otherwise, a lost connection among the reasons.
    #[error("the database rejected the statement")]
    Database {
        /// The database's own error.
        source: Error,
    },
}

impl From<Stranger> for SearchError {
    fn from(Stranger { table, owner }: Stranger) -> Self {
        Self::StrangersTable { table, owner }
    }
}

impl SearchError {
    pub(crate) fn of<DB: Engine>(source: Error) -> Self {
        match fault_of::<DB>(&source) {
            Fault::Locked => Self::Locked { source },
            Fault::ReadOnly => Self::ReadOnly { source },
            Fault::DiskFull => Self::DiskFull { source },
            Fault::SharedSession => Self::SharedSession { source },
            Fault::Cancelled | Fault::Other => Self::Database { source },
        }
    }

    pub(super) fn document(id: &str, reason: impl Into<String>) -> Self {
        Self::Document {
            id: id.to_owned(),
            reason: reason.into(),
        }
    }
}
