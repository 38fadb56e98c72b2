//! The functions of this module that the fuzz targets call.

/// Removes the parameter `driver` from a PostgreSQL connection string.
pub fn without_driver(url: &str) -> String {
    super::libpq::without_parameter(url, "driver").into_owned()
}

/// Returns a parameter of a PostgreSQL connection string.
pub fn parameter(url: &str, name: &str) -> Option<String> {
    super::connection_string::parameter(url, name).map(Into::into)
}

/// Counts the hosts of a PostgreSQL connection string.
pub fn host_count(url: &str) -> usize {
    super::libpq::host_count(url)
}
