//! Seals the traits of which all implementations are in this library.

/// A supertrait that only this crate can name, and so implement.
pub trait Sealed {}
