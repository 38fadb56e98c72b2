//! How much a test does: enough for each change, or everything before a release.

/// `all` with `tests/run --everything`, else `few`.
pub fn times<N>(few: N, all: N) -> N {
    if std::env::var_os("COVARA_TEST_EVERYTHING").is_some() {
        all
    } else {
        few
    }
}
