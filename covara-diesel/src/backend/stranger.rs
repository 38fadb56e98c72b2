//! Objects of roles that are not trusted.

/// An object owned by a role that is not trusted.
#[derive(Debug, Clone)]
pub struct Stranger {
    /// Name of the table, of the function followed by `()`, or of another object preceded by its
    /// kind, such as `view auth_sessions`.
    pub table: String,
    /// The role that owns it.
    pub owner: String,
}

/// Describes the object that a [`Stranger`] owns, as errors name it.
pub(crate) fn what(name: &str) -> String {
    if name.ends_with("()") {
        format!("function {name}")
    } else if name.starts_with("auth_") || name.starts_with("__") {
        format!("table {name}")
    } else {
        name.to_owned()
    }
}
