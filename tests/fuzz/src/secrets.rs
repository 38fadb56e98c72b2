//! Messages of the command about arguments that have a password.

use std::ffi::OsString;

use covara_diesel::__fuzz::without_secrets;

const SECRET: &str = "S3cret";

/// Each line is an argument, made of a first byte and what surrounds the password. The messages
/// quote them all, as those about wrong usage do.
pub(crate) fn secrets(data: &[u8]) {
    let arguments: Vec<String> = data
        .split(|byte| *byte == b'\n')
        .filter_map(argument)
        .collect();
    let given = || arguments.iter().map(OsString::from);
    for quoted in &arguments {
        for text in [
            format!("unexpected argument '{quoted}' found\n\nUsage: covara"),
            format!("{quoted}: no such file"),
            format!(
                "invalid value '{}' for '--x'",
                quoted.strip_prefix("--x=").unwrap_or(quoted)
            ),
            arguments.join(" "),
        ] {
            let shown = without_secrets(&text, given());
            assert!(!shown.contains(SECRET), "{arguments:?}: {shown}");
        }
    }
    // Of what has no password nothing is lost.
    let words: Vec<OsString> = vec!["seed".into(), "--table".into(), "app.db".into()];
    let text = String::from_utf8_lossy(data);
    assert_eq!(without_secrets(&text, words.into_iter()), text);
}

fn argument(line: &[u8]) -> Option<String> {
    let (way, rest) = line.split_first()?;
    let rest = String::from_utf8_lossy(rest).replace(SECRET, "");
    let (before, after) = rest.split_once('|').unwrap_or((&rest, ""));
    let url = match way % 8 {
        0 => format!("postgres://{before}:{SECRET}@{after}"),
        1 => format!("postgresql://{before}?password={SECRET}&{after}"),
        2 => format!("host={before} password={SECRET} {after}"),
        3 => format!("{before}:{SECRET}@{after}"),
        4 => format!("libsql://{before}?authToken={SECRET}{after}"),
        5 => format!("mysql://{before}:{SECRET}@{after}"),
        // One that has no password, and may be a part of another.
        6 => return Some(format!("postgres://{before}")),
        _ => format!("sqlite:{before}?key={SECRET}{after}"),
    };
    Some(match way / 8 % 2 {
        0 => url,
        _ => format!("--x={url}"),
    })
}
