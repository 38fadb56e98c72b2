//! The differences between Diesel's two backends, which `Sqlite` and `Pg` define in their modules.

use diesel::backend::Backend;

use crate::backend::dialect::Dialect;
use crate::backend::sealed::Sealed;

/// One of the two Diesel backends this library supports.
///
/// A connection delegates to its backend whatever does not depend on the connection. This trait is
/// not meant to be implemented outside this crate.
pub trait Engine: Backend<QueryBuilder: Default> + Sealed + Sized + 'static {
    /// The dialect that every connection of this backend speaks.
    const DIALECT: Dialect;

    /// Maximum number of bind parameters in one statement.
    #[doc(hidden)]
    const BIND_LIMIT: usize;

    /// `true` if a failing statement aborts its transaction.
    #[doc(hidden)]
    const ERROR_ENDS_TRANSACTION: bool;

    /// Returns a value of this backend, for rendering identifiers.
    #[doc(hidden)]
    fn backend() -> Self;

    /// Reads a text, or returns `None` if the value is of another type.
    #[doc(hidden)]
    fn read_text<R>(value: Self::RawValue<'_>, read: impl FnOnce(&str) -> R) -> Option<R>;
}
