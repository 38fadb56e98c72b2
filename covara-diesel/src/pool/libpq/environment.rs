use std::borrow::Cow;

use super::from_env;
use crate::pool::connection_string::parameter;

/// A parameter of a PostgreSQL connection string, or else the environment variable that libpq
/// reads in its place.
pub(crate) fn parameter_or_env<'a>(
    url: &'a str,
    name: &str,
    variable: &str,
) -> Option<Cow<'a, str>> {
    parameter(url, name).or_else(|| from_env(variable))
}
