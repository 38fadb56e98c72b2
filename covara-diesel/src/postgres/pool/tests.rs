use super::*;

#[test]
fn a_message_that_quotes_what_libpq_cannot_read_is_withheld() {
    let url = "postgres:/ada:secret@localhost/app?sslmode=disable";
    let option = url.split('=').next().unwrap();
    let message = format!("invalid connection option \"{option}\"\n");
    let error = explain(ConnectionError::BadConnection(message), url);
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(!source.contains("secret"), "{source}");

    let message = "connection to server at \"localhost\" failed: FATAL: sorry";
    let error = explain(ConnectionError::BadConnection(message.to_owned()), url);
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(source, message);
}

#[test]
fn a_parameter_is_added_as_libpq_reads_it() {
    for (given, expected) in [
        ("postgres://h", "postgres://h?a=b%3D&"),
        ("postgres://h?", "postgres://h?a=b%3D&"),
        ("postgres://h?c=d", "postgres://h?a=b%3D&c=d"),
        ("postgres://h?a=d&c=d&", "postgres://h?a=b%3D&c=d&"),
        (
            "postgres://h?a=/&password=d@e",
            "postgres://h?a=b%3D&password=d%40e",
        ),
        ("host=h", "a=b= host=h"),
        ("", "a=b= "),
        ("host=h password= ", "a=b= host=h password= "),
        (r"password=c\", r"a=b= password=c\"),
        ("host=h a='d e' c=d", "a=b= host=h  c=d"),
    ] {
        assert_eq!(with_parameter(given, "a", "b="), expected);
    }
}

#[test]
fn an_at_sign_in_front_of_the_slash_it_stood_behind_ends_no_user() {
    let given = "postgres://h?password=/&options=d@e";
    let moved = with_parameter(given, "options", "d@e");
    assert_eq!(moved, "postgres://h?options=d%40e&password=/");
}
