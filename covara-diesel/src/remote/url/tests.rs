use super::*;

fn refusal<T>(result: ConnectionResult<T>) -> String {
    match result {
        Ok(_) => panic!("it was accepted"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn options_are_read_up_to_their_limits() {
    let mut options = HttpOptions::default();
    for (name, value) in [
        ("connect_timeout", "0.001"),
        ("request_timeout", "1e9"),
        ("statement_timeout", "5"),
        ("max_response_bytes", "18446744073709551615"),
        ("allow_plain_http", "true"),
        ("sslrootcert", "/a b"),
    ] {
        assert!(options.take(name, value).unwrap(), "{name}");
    }
    assert_eq!(options.connect_timeout, Duration::from_millis(1));
    assert_eq!(options.request_timeout, Duration::from_secs(1_000_000_000));
    assert_eq!(options.most_bytes, u64::MAX);
    assert!(options.plain_http);
    assert!(!options.take("Connect_timeout", "1").unwrap());
    for (name, value) in [
        ("connect_timeout", "0"),
        ("connect_timeout", "-1"),
        ("request_timeout", "inf"),
        ("request_timeout", "NaN"),
        ("statement_timeout", "1e20"),
        ("statement_timeout", "1e-10"),
        ("statement_timeout", ""),
        ("max_response_bytes", "-1"),
        ("max_response_bytes", "18446744073709551616"),
        ("allow_plain_http", "yes"),
    ] {
        assert!(refusal(options.take(name, value)).contains(name), "{value}");
    }
}

#[test]
fn urls_are_taken_apart() {
    for (url, authority, path, parameters) in [
        ("s://h", "h", "", vec![]),
        ("s://h:1/", "h:1", "/", vec![]),
        (
            "s://h/a/b?c=d&&e=%26%3D#f?g=h",
            "h",
            "/a/b",
            vec![("c", "d"), ("e", "&=")],
        ),
        ("s://h?a=b=c", "h", "", vec![("a", "b=c")]),
        ("s://[::1]:8080/x", "[::1]:8080", "/x", vec![]),
        ("s://h?a=", "h", "", vec![("a", "")]),
    ] {
        let parts = Parts::of(url).unwrap();
        assert_eq!(
            (parts.scheme, parts.authority, parts.path),
            ("s", authority, path)
        );
        let found = parts.parameters.iter();
        let found: Vec<_> = found
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(found, parameters, "{url}");
    }
    for url in [
        "",
        "h/a",
        "s://",
        "s:///a",
        "s://secret@h",
        "s://h?secret",
        "s://h?a=secret%ff",
    ] {
        let error = refusal(Parts::of(url));
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn this_machine_is_known_by_its_names_only() {
    for authority in [
        "localhost",
        "LOCALHOST:1",
        "127.0.0.1",
        "127.255.0.9:80",
        "[::1]",
        "[::1]:9",
    ] {
        assert!(is_loopback(authority), "{authority}");
    }
    for authority in [
        "",
        "localhost.example.com",
        "127.0.0.1.example.com",
        "127.0.0.1:80@example.com",
        "128.0.0.1",
        "0.0.0.0",
        "[::2]",
        "[::1",
        "::1",
        "[::ffff:1.2.3.4]",
    ] {
        assert!(!is_loopback(authority), "{authority}");
    }
}

#[test]
fn unencrypted_http_is_for_this_machine_or_by_wish() {
    let mut options = HttpOptions::default();
    check_encrypted("https", "example.com", &options).unwrap();
    check_encrypted("http", "[::1]:80", &options).unwrap();
    refusal(check_encrypted("http", "example.com", &options));
    refusal(check_encrypted(
        "http",
        "127.0.0.1:80@example.com",
        &options,
    ));
    options.plain_http = true;
    check_encrypted("http", "example.com", &options).unwrap();
}
