//! The parameters and environment variables that several drivers have in common.

/// The names of the parameters that [`HttpOptions::take`](super::url::HttpOptions::take) accepts.
pub(super) const HTTP_OPTIONS: &str = "connect_timeout, request_timeout, statement_timeout, \
     max_response_bytes, allow_plain_http, sslrootcert";

/// Returns the value of an environment variable, or `None` if it is empty.
pub(super) fn from_env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Returns the token of a parameter, or else of the first environment variable that is set.
pub(super) fn token_or_env(token: Option<String>, variables: &[&str]) -> Option<String> {
    token
        .or_else(|| variables.iter().find_map(|name| from_env(name)))
        .filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::url::HttpOptions;
    use super::HTTP_OPTIONS;

    #[test]
    fn the_listed_options_are_taken() {
        for name in HTTP_OPTIONS.split(", ") {
            let value = if name == "allow_plain_http" {
                "true"
            } else {
                "7"
            };
            let taken = HttpOptions::default().take(name, value);
            assert_eq!(taken.ok(), Some(true), "{name}");
        }
    }
}
