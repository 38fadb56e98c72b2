//! URLs and paths of databases.

use covara_diesel::__fuzz as library;
use covara_diesel::pool::PoolDriver;
use covara_diesel::remote::{D1Connection, LibsqlConnection};
use diesel::Connection;

pub(crate) fn urls(data: &[u8]) {
    let Ok(url) = std::str::from_utf8(data) else {
        return;
    };
    let _ = PoolDriver::from_url(url).map_err(|error| error.to_string());
    let _ = url.parse::<PoolDriver>().map_err(|error| error.to_string());
    postgres(url);
    sqlite(url);
    // These send nothing; one would read a file.
    if !url.contains("sslrootcert") {
        let _ = LibsqlConnection::establish(url).map_err(|error| error.to_string());
        let _ = D1Connection::establish(url).map_err(|error| error.to_string());
    }
}

fn postgres(url: &str) {
    let kept = library::without_driver(url);
    assert_eq!(library::parameter(&kept, "driver"), None, "{url:?}");
    for other in ["host", "user", "sslmode", "options"] {
        let before = library::parameter(url, other);
        assert_eq!(library::parameter(&kept, other), before, "{url:?}, {other}");
    }
    assert!(library::host_count(url) > 0);
}

fn sqlite(given: &str) {
    let (schema, table) = given.split_once('\n').unwrap_or((given, given));
    let quoted = library::quoted(Some(schema), table);
    let parts = (Some(schema.to_owned()), table.to_owned());
    assert_eq!(library::parts(&quoted), parts, "{given:?}");

    let Some(url) = library::database_url(given) else {
        return;
    };
    let opened = library::without_creating(&url);
    assert!(opened.starts_with("file:"), "{given:?}");
    let path = library::file_path(&url);
    // What SQLite sees as a path must mean the same file in the URL that makes none.
    if !["", ":memory:"].contains(&url.as_str()) && !url.starts_with("file:") {
        let lossless = !url.contains('\0');
        assert!(
            !lossless || same_file(&library::file_path(&opened), &path),
            "{given:?}"
        );
    }
}

/// Without the slashes at the beginning, of which any number is the same.
fn same_file(one: &std::path::Path, other: &std::path::Path) -> bool {
    let plain = |path: &std::path::Path| {
        let text = path.to_string_lossy().into_owned();
        (
            text.starts_with('/'),
            text.trim_start_matches('/').to_owned(),
        )
    };
    plain(one) == plain(other)
}
