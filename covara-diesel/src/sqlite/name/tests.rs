use super::*;

#[test]
fn quoted_names_are_split_again() {
    for (schema, table) in [
        (None, "t"),
        (Some("main"), "t"),
        (Some("a`b"), "c`d"),
        (None, "a.b"),
        (None, "a`.`b"),
        (Some("a`.`b"), "c`.`d"),
        (Some("a`"), "`.b"),
        (Some(""), ""),
        (None, "`"),
        (None, "é \" '"),
    ] {
        let quoted = quoted(schema, table);
        let expected = (schema.map(str::to_owned), table.to_owned());
        assert_eq!(parts(&quoted), expected, "{quoted}");
    }
}
