//! Keeps passwords out of what is said about arguments.

/// `text` without what may hold a password in the arguments it quotes: a misplaced database
/// URL.
pub(super) fn without(text: &str, arguments: impl Iterator<Item = String>) -> String {
    let mut text = text.to_owned();
    for argument in arguments {
        let value = match argument.split_once('=') {
            Some((option, value)) if option.starts_with('-') => value,
            _ => &argument,
        };
        if value.contains(['@', ':', '=']) {
            let scheme = value.split_once("://").map_or("", |(scheme, _)| scheme);
            text = text.replace(value, &format!("{scheme}:…"));
        }
    }
    text
}
