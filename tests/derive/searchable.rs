//! What `#[derive(Searchable)]` makes of a struct.

use covara_diesel::search::{Field, FieldKind, IndexDefinition, Language, Searchable};
use serde_json::json;

diesel::table! {
    #[sql_name = "the entries"]
    entries (id) {
        id -> Text,
        #[sql_name = "type"]
        type_ -> Text,
        title -> Text,
        body -> Nullable<Text>,
        n -> Integer,
    }
}

#[derive(Searchable)]
#[diesel(table_name = entries)]
#[searchable(index = "all_entries")]
struct Entry<'a, B: serde::Serialize> {
    #[searchable(id)]
    id: &'a str,
    #[searchable(keyword, unsearched)]
    #[diesel(column_name = type_)]
    r#type: String,
    #[searchable(text, weight = 2.5, language = German, keep_accents)]
    title: &'a str,
    #[searchable(text)]
    body: B,
    #[expect(dead_code, reason = "not indexed, and of a type that could not be")]
    n: std::thread::ThreadId,
}

#[derive(Searchable)]
#[diesel(table_name = entries)]
struct Pair(
    #[searchable(id)]
    #[diesel(column_name = n)]
    i32,
    #[searchable(text)]
    #[diesel(column_name = "title")]
    String,
);

#[test]
fn fields_names_and_options() {
    type Any<'a> = Entry<'a, Option<u8>>;
    assert_eq!(Any::INDEX, "all_entries");
    assert_eq!(Any::key(), "id");
    assert_eq!(Any::columns(), ["type", "title", "body"]);
    let expected = IndexDefinition::new()
        .field("type", Field::keyword().unsearched())
        .field(
            "title",
            Field::text()
                .weight(2.5)
                .language(Language::German)
                .keep_accents(),
        )
        .field("body", Field::text());
    assert_eq!(Any::definition(), expected);
    let kinds: Vec<FieldKind> = expected.fields().map(|(_, field)| field.kind()).collect();
    assert_eq!(
        kinds,
        [FieldKind::Keyword, FieldKind::Text, FieldKind::Text]
    );
    let entry = Entry {
        id: "e1",
        r#type: "book".to_owned(),
        title: "Über",
        body: Some(7),
        n: std::thread::current().id(),
    };
    assert_eq!(entry.id(), "e1");
    let document = entry.document().expect("plain data");
    assert_eq!(
        document,
        json!({"type": "book", "title": "Über", "body": 7})
    );
}

#[test]
fn tuples_have_the_names_of_their_columns() {
    assert_eq!(Pair::INDEX, "entries");
    assert_eq!((Pair::key(), Pair::columns()), ("n", vec!["title"]));
    let pair = Pair(3, "three".to_owned());
    assert_eq!(pair.id(), "3");
    assert_eq!(
        pair.document().expect("plain data"),
        json!({"title": "three"})
    );
}

/// Names that the derive could have used mean something else.
mod shadowed {
    #![allow(dead_code, reason = "only there to be in the way")]

    use super::entries;

    mod std {}
    mod core {}
    mod covara_diesel {}
    mod serde_json {}
    mod search {}
    struct String;
    struct Vec;
    struct Result;
    struct Ok;
    struct Field;
    struct Language;
    struct IndexDefinition;
    trait Searchable {}
    trait ToString {}

    #[derive(::covara_diesel::search::Searchable)]
    #[diesel(table_name = entries)]
    pub(super) struct Entry {
        #[searchable(id)]
        pub(super) id: i32,
        #[searchable(text, language = English)]
        pub(super) title: ::std::string::String,
    }
}

#[test]
fn shadowed_names() {
    let entry = shadowed::Entry {
        id: 1,
        title: "t".into(),
    };
    assert_eq!(entry.document().expect("plain data"), json!({"title": "t"}));
}
