//! What the compiler says to mistakes in `#[derive(Seedable)]` and `#[derive(Searchable)]`, to calls
//! with what is no connection, and to implementations of sealed traits.

/// One message per mistake, on the field or attribute that is wrong.
#[test]
fn mistakes_in_derives() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("seedable/*.rs");
    cases.compile_fail("searchable/*.rs");
    if cfg!(feature = "postgres") {
        cases.compile_fail("seedable/postgres/*.rs");
    }
}

/// What to pass is said, whatever is in place of a connection.
#[test]
#[cfg(feature = "postgres")]
fn calls_without_a_connection() {
    trybuild::TestCases::new().compile_fail("calls/*.rs");
}

/// The compiler lists the types that implement them, which are more with PostgreSQL.
#[test]
#[cfg(feature = "postgres")]
fn sealed_traits_cannot_be_implemented() {
    trybuild::TestCases::new().compile_fail("sealed/*.rs");
}
