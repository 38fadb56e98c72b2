use super::*;

#[test]
fn hosts_are_counted_in_both_forms() {
    for (url, count) in [
        ("postgres://h/db", 1),
        ("postgres://a:b@h1:1,h2:2,h3/db", 3),
        ("postgres://h1,h2/db?host=h3", 1),
        ("postgres://h/db?hostaddr=1.1.1.1,2.2.2.2&host=x", 2),
        ("host=a,b", 2),
        ("postgres://h/db?host=a%2Cb%2cc", 3),
        ("host=a%2Cb", 1),
        ("postgres://a,b?host=", 1),
        ("postgres://a?h%6Fst=b,c", 2),
        ("host=a,b hostaddr=", 2),
    ] {
        assert_eq!(host_count(url), count, "{url}");
    }
}

#[test]
fn a_parameter_is_taken_out_of_a_query_wherever_it_stands() {
    for (url, without) in [
        ("postgres://h/db", "postgres://h/db"),
        ("postgres://h/db?", "postgres://h/db?"),
        ("postgres://h/db?driver=a", "postgres://h/db"),
        ("postgres://h/db?driver", "postgres://h/db"),
        ("postgres://h/db?driver=a&b=c", "postgres://h/db?b=c"),
        (
            "postgres://h/db?b=c&driver=a&driver=d&e=f",
            "postgres://h/db?b=c&e=f",
        ),
        ("postgres://h/db?drivers=a", "postgres://h/db?drivers=a"),
        ("postgres://h/db?dr%69ver=a&b=c", "postgres://h/db?b=c"),
        (
            "postgres://h?driver=/&password=a@b",
            "postgres://h?password=a%40b",
        ),
    ] {
        assert_eq!(without_parameter(url, "driver"), without, "{url}");
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
        assert_eq!(without_parameter(text, "driver"), without, "{text}");
    }
}
