//! A stand-in for the stores when the feature `auth` is off.

/// The traits that every backend and every connection has then.
pub(crate) mod engine {
    /// Every backend.
    pub trait AuthEngine {}

    impl<T> AuthEngine for T {}

    /// Every connection.
    pub trait AuthDatabase {}

    impl<T> AuthDatabase for T {}
}
