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
        ("postgres://h", "postgres://h?a=b%3D"),
        ("postgres://h?", "postgres://h?a=b%3D"),
        ("postgres://h?c=d", "postgres://h?c=d&a=b%3D"),
        ("postgres://h?c=d&", "postgres://h?c=d&a=b%3D"),
        ("postgres://h?c=d?", "postgres://h?c=d?&a=b%3D"),
        ("host=h", "host=h a=b="),
        ("", " a=b="),
        ("host=h password= ", "host=h password= '' a=b="),
        ("password==", "password== a=b="),
        (r"password=c\", "password=c a=b="),
        (r"password=c\\", r"password=c\\ a=b="),
    ] {
        assert_eq!(with_parameter(given, "a", "b="), expected);
    }
}
