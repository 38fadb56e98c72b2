use super::*;

fn shown(text: &str, arguments: &[&str]) -> String {
    without(text, arguments.iter().map(OsString::from))
}

#[test]
fn an_argument_that_is_a_part_of_another_leaves_nothing_of_it() {
    let url = "postgres://ada:secret@localhost/app";
    let text = format!("unexpected argument '{url}' found");
    let expected = "unexpected argument 'postgres:…' found";
    assert_eq!(shown(&text, &[url]), expected);
    assert_eq!(shown(&text, &["postgres://ada", url]), expected);
    assert_eq!(
        shown(&text, &[&format!("--url={url}"), "postgres://ada"]),
        expected
    );
}

#[test]
fn the_name_of_an_option_is_no_place_for_a_password() {
    let argument = "--ada:secret@localhost=1";
    let text = format!("unexpected argument '{argument}' found");
    assert_eq!(shown(&text, &[argument]), "unexpected argument ':…' found");
}

#[test]
fn paths_and_words_remain() {
    let text = "app.db: no such file";
    assert_eq!(shown(text, &["seed", "app.db", "--table=a"]), text);
}
