//! A stand-in for dumps when the feature `fixtures` is off.

/// The traits that every backend and every connection has then.
pub(crate) mod engine {
    /// Every backend.
    pub trait DumpEngine {}

    impl<T> DumpEngine for T {}

    /// Every connection.
    pub trait DumpDatabase {}

    impl<T> DumpDatabase for T {}
}
