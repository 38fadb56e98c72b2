use super::*;

#[test]
fn urls_are_split_before_anything_is_decoded() {
    for (text, authority, path, query) in [
        ("file:a?b#c?d", None, "a", Some("b")),
        ("file:///a#b?c", Some(""), "/a", None),
        (
            "s://u:p@h:1/a/b?c=d?e",
            Some("u:p@h:1"),
            "/a/b",
            Some("c=d?e"),
        ),
        ("s://h?a=/@", Some("h"), "", Some("a=/@")),
        ("postgres://h/a#b?c#d", Some("h"), "/a#b", Some("c#d")),
        (
            "postgres://u:p,?@h,i@j?k@l",
            Some("u:p,?@h,i@j"),
            "",
            Some("k@l"),
        ),
        (
            "postgres://u@[a?/b],h[?c",
            Some("u@[a?/b],h["),
            "",
            Some("c"),
        ),
        ("postgres://u:p?q/@h", Some("u:p"), "", Some("q/@h")),
    ] {
        let url = Url::of(text).unwrap();
        let parts = (url.authority, url.path, url.query);
        assert_eq!(parts, (authority, path, query), "{text}");
        assert!(
            text.starts_with(url.base) && url.base.ends_with(path),
            "{text}"
        );
    }
    for text in ["", "a", ":memory:", "1x://a", "a b://c", "a=b:c", "://a"] {
        assert!(Url::of(text).is_none(), "{text}");
    }
}

#[test]
fn the_last_value_of_a_parameter_counts() {
    for (url, value) in [
        ("postgres://h/db", None),
        ("postgres://h/db?", None),
        ("postgres://h/db?driver", None),
        ("postgres://h/db?driver=", Some("")),
        ("postgres://h/db?driver=a&driver=b", Some("b")),
        ("postgres://h/db?xdriver=a&driverx=b", None),
        ("postgres://h/db?a=driver=x", None),
        ("postgres://h/db?driver=a%20b?c=d", Some("a%20b?c=d")),
        ("postgres://h/db?driver=a&dr%69ver=b", Some("b")),
        ("postgres://h/db?%64river=a", Some("a")),
    ] {
        assert_eq!(parameter(url, "driver").as_deref(), value, "{url}");
    }
}

#[test]
fn pairs_are_split_as_libpq_splits_them() {
    for (text, value) in [
        ("", None),
        ("host", None),
        ("host=", Some("")),
        ("host=a host= ", Some("")),
        ("host=a", Some("a")),
        (" host \t= \n a b=c", Some("a")),
        ("host='a b' port=1", Some("a b")),
        ("host=a\x0bport=1", Some("a")),
        (r"host='it\'s' port=1", Some("it's")),
        (r"host=a\ b port=1", Some("a b")),
        ("host='' port=1", Some("")),
        ("host=a host=b", Some("b")),
        ("password=host=x", None),
        ("password='host=x'", None),
        (r"host=a\", Some("a")),
        ("host='open", Some("open")),
        ("host=é", Some("é")),
    ] {
        assert_eq!(parameter(text, "host").as_deref(), value, "{text}");
    }
}
