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
