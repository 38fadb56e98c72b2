use super::*;

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
    ] {
        assert_eq!(of_query(url, "driver").as_deref(), value, "{url}");
    }
}

#[test]
fn a_parameter_is_taken_out_of_a_query_wherever_it_stands() {
    for (url, without) in [
        ("p://h/db", "p://h/db"),
        ("p://h/db?", "p://h/db?"),
        ("p://h/db?driver=a", "p://h/db"),
        ("p://h/db?driver", "p://h/db"),
        ("p://h/db?driver=a&b=c", "p://h/db?b=c"),
        ("p://h/db?b=c&driver=a&driver=d&e=f", "p://h/db?b=c&e=f"),
        ("p://h/db?drivers=a", "p://h/db?drivers=a"),
    ] {
        assert_eq!(query_without(url, "driver"), without, "{url}");
    }
}

#[test]
fn pairs_are_split_as_libpq_splits_them() {
    for (text, value) in [
        ("", None),
        ("host", None),
        ("host=", None),
        ("host=a", Some("a")),
        (" host \t= \n a b=c", Some("a")),
        ("host='a b' port=1", Some("a b")),
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
        assert_eq!(pair(text, "host").as_deref(), value, "{text}");
    }
}

#[test]
fn a_pair_is_taken_out_wherever_it_stands() {
    for (text, without) in [
        ("host=a", "host=a"),
        ("driver=x", ""),
        ("driver=x host=a", " host=a"),
        ("host=a driver='x y' port=1", "host=a  port=1"),
        ("host=a driver=x driver = y", "host=a  "),
        ("password='driver=x' host=a", "password='driver=x' host=a"),
    ] {
        assert_eq!(pairs_without(text, "driver"), without, "{text}");
    }
}
