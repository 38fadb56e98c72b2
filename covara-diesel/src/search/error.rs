use diesel::result::Error;

use super::definition::FieldKind;
use crate::backend::error::{DatabaseError, ErrorKind};
use crate::backend::stranger::{Stranger, what};

/// An error of a search adapter.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SearchError {
    /// The name of an index or field is invalid.
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

    /// A definition contains two fields of the same name.
    #[error("the field {field} is defined twice")]
    FieldTwice {
        /// The name of the field.
        field: String,
    },

    /// A definition has too many fields.
    #[error(
        "an index can have up to 64 fields, 32 of them searched; this one has {fields}, \
         {searched} of them searched"
    )]
    TooManyFields {
        /// The number of fields.
        fields: usize,
        /// The number of searched fields.
        searched: usize,
    },

    /// A weight is negative or not a number.
    #[error("the weight of {field} must be a number of at least 0")]
    Weight {
        /// The name of the field.
        field: String,
    },

    /// The index that is written to does not exist.
    #[error("there is no index {index}; create it first")]
    UnknownIndex {
        /// The name of the index.
        index: String,
    },

    /// The index to be refreshed from its table follows no table or, on PostgreSQL, its triggers
    /// are no longer on any table.
    #[error("the index {index} follows no table; create one that does with follow")]
    FollowsNothing {
        /// The name of the index.
        index: String,
    },

    /// A view or another object that is no table is to be followed.
    #[error("{table} is not a table, and an index follows only tables")]
    NotATable {
        /// The name of the object, quoted.
        table: String,
    },

    /// An index of that name exists with another definition.
    #[error(
        "the index {index} exists with other fields; add fields to it by add_fields, or delete \
         it first"
    )]
    IndexDiffers {
        /// The name of the index.
        index: String,
    },

    /// An earlier version of this library created the index, with other words, and it could not be
    /// brought up to date. A search would miss documents.
    #[error(
        "the index {index} was created by an earlier version of covara-diesel and must be brought \
         up to date before it is searched: call create_index, follow or search::reindex on a \
         connection that may write"
    )]
    Outdated {
        /// The name of the index.
        index: String,
        /// The reason why it could not be brought up to date now.
        source: Box<Self>,
    },

    /// A later version of this library created or changed the index.
    #[error(
        "the index {index} was written by a later version of covara-diesel, whose words this one \
         cannot produce; use that version"
    )]
    LaterVersion {
        /// The name of the index.
        index: String,
    },

    /// A query names a field that the index does not have.
    #[error("the index {index} has no field {field}")]
    UnknownField {
        /// The name of the index.
        index: String,
        /// The name of the field.
        field: String,
    },

    /// A query uses a field in a way that its kind does not support.
    #[error("the field {field} of {index} is {kind} and cannot be {verb}")]
    FieldUse {
        /// The name of the index.
        index: String,
        /// The name of the field.
        field: String,
        /// The kind of the field.
        kind: FieldKind,
        /// `searched`, `filtered`, `sorted by` or `counted`.
        verb: &'static str,
    },

    /// A value does not fit the field that it is compared with.
    #[error("the field {field} is {kind} and cannot be compared with {value}")]
    FilterValue {
        /// The name of the field.
        field: String,
        /// The kind of the field.
        kind: FieldKind,
        /// The value.
        value: String,
    },

    /// A document's id is empty, exceeds 1,000 bytes or contains NUL.
    #[error("{id:?} cannot be a document's id: it must have 1 to 1,000 bytes and no NUL")]
    Id {
        /// The id, cut to 100 characters.
        id: String,
    },

    /// A document cannot be indexed.
    #[error("the document {id:?} cannot be indexed: {reason}")]
    Document {
        /// The document's id.
        id: String,
        /// The reason.
        reason: String,
    },

    /// A query has too many words.
    #[error("a query may have up to {most} words")]
    TooManyWords {
        /// The maximum number of words.
        most: usize,
    },

    /// A filter has too many values, or a facet too many ranges.
    #[error("a filter or facet may have up to {most} values; the one on {field} has more")]
    TooManyValues {
        /// The name of the field.
        field: String,
        /// The maximum number of values.
        most: usize,
    },

    /// A query has too many filters.
    #[error("a query may have up to {most} conditions, with those in other ones")]
    TooManyConditions {
        /// The maximum number of conditions.
        most: usize,
    },

    /// Filters of a query have too many others in each other.
    #[error("conditions may be up to {most} deep in each other")]
    ConditionsTooDeep {
        /// The maximum number of conditions in each other.
        most: usize,
    },

    /// The cursor was not returned by a query with this order.
    #[error("the cursor does not belong to a query with this order")]
    Cursor,

    /// The database contains data that this library did not write.
    #[error("the database contains {what} that cannot be read; another program wrote it")]
    Unreadable {
        /// A description of the data.
        what: String,
    },

    /// A table or function of an index belongs to an untrusted role, in a schema where everybody
    /// may create objects. PostgreSQL only. The object was not read, written or executed, because
    /// code that its owner attached to it would have run with the rights of this connection.
    ///
    /// Trusted are the connection's own role, roles that it is a member of, the owners of the
    /// schema and of the database, and superusers.
    #[error(
        "{} belongs to the role {owner}, and any role may create objects in its schema, so anybody \
         may have created it: drop it or change its owner, or make this role a member of {owner}; and \
         REVOKE CREATE ON SCHEMA … FROM PUBLIC",
        what(table)
    )]
    StrangersTable {
        /// The name of the table, or the name of the function followed by `()`.
        table: String,
        /// The role that owns it.
        owner: String,
    },

    /// The database failed, a lost connection and a lock that was not free among the reasons.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<Error> for SearchError {
    fn from(error: Error) -> Self {
        DatabaseError::from(error).into()
    }
}

impl From<Stranger> for SearchError {
    fn from(Stranger { table, owner }: Stranger) -> Self {
        Self::StrangersTable { table, owner }
    }
}

impl SearchError {
    /// The kind of the database's failure, if it is the database that failed.
    #[must_use]
    pub fn kind(&self) -> Option<ErrorKind> {
        match self {
            Self::Database(error) => Some(error.kind()),
            Self::Outdated { source, .. } => source.kind(),
            _ => None,
        }
    }

    pub(super) fn document(id: &str, reason: impl Into<String>) -> Self {
        Self::Document {
            id: id.to_owned(),
            reason: reason.into(),
        }
    }
}
