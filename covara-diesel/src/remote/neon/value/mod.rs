//! Values between PostgreSQL's binary form, which Diesel speaks, and its text form, which the
//! protocol carries.

mod calendar;
mod catalogue;
mod decode;
mod encode;
mod network;
mod numeric;
mod parts;

pub(super) use catalogue::{Catalogue, LOOK_UP};
pub(super) use decode::decode;
pub(super) use encode::{array_of, encode_bound};

/// What a type is on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Int2,
    Int4,
    Int8,
    /// An unsigned number of four bytes.
    Oid,
    /// An unsigned number of eight bytes.
    Xid8,
    Float4,
    Float8,
    Numeric,
    /// The same bytes in both forms.
    Text,
    /// One byte: `"char"`.
    Char,
    Bytea,
    Uuid,
    Date,
    Time,
    Timetz,
    Timestamp,
    Timestamptz,
    Interval,
    /// A text after a byte that is the version, 1: `jsonb`, `jsonpath`.
    Versioned,
    Inet,
    Cidr,
    MacAddr,
    MacAddr8,
    Money,
    PgLsn,
    Bits,
    /// Nothing.
    Void,
    /// Elements of this type.
    Array(u32),
    /// Bounds of this type.
    Range(u32),
    /// Ranges of this type.
    Multirange(u32),
    /// A row of columns of these types.
    Composite(Vec<u32>),
    /// A type whose values cannot be converted.
    Unknown,
}

impl Kind {
    /// Returns whether arrays of such values become their elements again, one column for each array.
    pub(super) fn is_an_element(&self) -> bool {
        !matches!(
            self,
            // Sent as a number.
            Self::Char
                | Self::Void
                // All their dimensions would be taken apart.
                | Self::Array(_)
                // They would become several columns.
                | Self::Composite(_)
                | Self::Unknown
        )
    }
}

/// The reason why a value cannot be converted. It quotes no value.
pub(super) type Problem = &'static str;

/// The error for a text or bytes of another form than the type has.
pub(super) const MALFORMED: Problem = "a value does not have the form of its type";
