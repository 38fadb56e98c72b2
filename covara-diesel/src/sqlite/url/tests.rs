use super::*;

#[test]
fn paths_and_urls_are_told_apart() {
    for (given, url) in [
        ("app.db", "app.db"),
        ("a?b%20#c", "a?b%20#c"),
        (":memory:", ":memory:"),
        ("file:app.db?mode=ro#x", "file:app.db?mode=ro#x"),
        ("sqlite:app.db", "app.db"),
        ("sqlite::memory:", ":memory:"),
        ("sqlite:///a.db", "/a.db"),
        ("sqlite://a.db?mode=ro", "file:a.db?mode=ro"),
        ("sqlite:a%20b#c.db", "file:a%20b%23c.db"),
        ("sqlite:a#b.db", "a#b.db"),
        ("1x://a", "1x://a"),
    ] {
        assert_eq!(database_url(given).unwrap(), url, "{given}");
    }
    for given in [
        "mysql://h/db",
        "sqlite:postgres://ada:hunter2@h",
        "d1://a/b",
    ] {
        let error = database_url(given).unwrap_err().to_string();
        assert!(
            error.contains("is not a scheme") && !error.contains("hunter2"),
            "{error}"
        );
    }
}

#[test]
fn the_path_of_a_url_is_decoded() {
    for (url, path) in [
        ("a%20b?c", "a%20b?c"),
        ("file:a%20b%2Fc?d#e", "a b/c"),
        ("file:///a", "/a"),
        ("file://localhost/a", "/a"),
        ("file:/a#?b", "/a"),
        ("file://ada:hunter2@h", ""),
        ("file:a%00b", "a"),
        ("file:%", "%"),
        ("file:", ""),
    ] {
        assert_eq!(file_path(url), PathBuf::from(path), "{url}");
    }
}

#[test]
fn sqlite_makes_a_file_unless_a_parameter_forbids_it() {
    for url in [
        "a?mode=ro",
        "file:a",
        "file:a?mode=rwc&cache=private",
        "file:a#?mode=ro",
    ] {
        assert!(may_create(url), "{url}");
    }
    for url in [
        "file:a?mode=ro",
        "file:a?cache=private&mode=rw#x",
        "file:a?vfs=memdb",
    ] {
        assert!(!may_create(url), "{url}");
    }
}

#[test]
fn the_url_that_makes_no_file_names_the_same() {
    for (url, expected) in [
        ("a.db", "file:a.db?mode=rw"),
        ("//a?b#c%", "file:/a%3fb%23c%25?mode=rw"),
        ("file:a", "file:a?mode=rw"),
        (
            "file:a?mode=rwc&cache=private#x",
            "file:a?cache=private&mode=rw",
        ),
        ("file:a?mode=ro", "file:a?mode=ro"),
        ("file:a?immutable=1", "file:a?immutable=1&mode=rw"),
    ] {
        assert_eq!(without_creating(url), expected, "{url}");
    }
}
