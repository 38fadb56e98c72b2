use super::*;

#[test]
fn servers_are_reached_as_the_url_says() {
    for (url, base) in [
        ("libsql://h?authToken=x", "https://h"),
        ("libsql://h:1/a/?authToken=x", "https://h:1/a"),
        ("libsql://localhost?tls=0&authToken=x", "http://localhost"),
        ("libsql://h?tls=0&tls=1&authToken=x", "https://h"),
        (
            "http://127.0.0.1:8080//?driver=libsql&authToken=x",
            "http://127.0.0.1:8080",
        ),
        ("https://h/a/b?authToken=y&authToken=x", "https://h/a/b"),
        ("http://h?allow_plain_http=true&authToken=x", "http://h"),
    ] {
        let target = LibsqlUrl::of(url).unwrap();
        assert_eq!(target.base, base);
        assert_eq!(target.token.as_deref(), Some("x"));
    }
}

#[test]
fn what_is_no_libsql_url_is_refused_without_its_token() {
    for url in [
        "h",
        "ws://h?authToken=secret",
        "d1://a/b?authToken=secret",
        "http://h?authToken=secret",
        "libsql://h?tls=0&authToken=secret",
        "libsql://h?tls=2&authToken=secret",
        "libsql://h?secret=",
        "libsql://secret@h",
        "libsql://h?authtoken=secret",
        "libsql://h?connect_timeout=0&authToken=secret",
    ] {
        let error = LibsqlUrl::of(url).err().unwrap().to_string();
        assert!(!error.contains("secret"), "{error}");
    }
}
