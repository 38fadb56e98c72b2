//! Characters that are no letters, and what they are to a word.

/// The characters that may precede the full stop of a name such as `.NET`.
const BEFORE_STOP: [char; 10] = ['(', '[', '{', '"', '\'', '/', '“', '„', '«', '‘'];

/// Returns whether Unicode lets a character be ignored: it is invisible, and texts have it or not
/// by chance.
pub(in crate::search) fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}'
        | '\u{115f}'..='\u{1160}'
        | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fff8}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
        || is_skin_tone(c)
}

/// Emoji are the same in any colour, as letters are with any accent.
fn is_skin_tone(c: char) -> bool {
    matches!(c, '\u{1f3fb}'..='\u{1f3ff}')
}

/// Returns whether a character is a picture that is searched for like a word.
pub(super) fn is_emoji(c: char) -> bool {
    matches!(c,
        '\u{231a}'..='\u{231b}' | '\u{2328}' | '\u{23cf}'
        | '\u{23e9}'..='\u{23f3}'
        | '\u{23f8}'..='\u{23fa}'
        | '\u{2600}'..='\u{26ff}'
        | '\u{2702}' | '\u{2705}'
        | '\u{2708}'..='\u{270d}'
        | '\u{270f}' | '\u{2712}' | '\u{2714}' | '\u{2716}' | '\u{271d}' | '\u{2721}'
        | '\u{2728}' | '\u{2733}'..='\u{2734}' | '\u{2744}' | '\u{2747}' | '\u{274c}' | '\u{274e}'
        | '\u{2753}'..='\u{2755}'
        | '\u{2757}' | '\u{2763}'..='\u{2764}'
        | '\u{2b1b}'..='\u{2b1c}' | '\u{2b50}' | '\u{2b55}'
        | '\u{1f004}' | '\u{1f0cf}'
        | '\u{1f300}'..='\u{1f3fa}'
        | '\u{1f400}'..='\u{1f64f}'
        | '\u{1f680}'..='\u{1f6ff}'
        | '\u{1f7e0}'..='\u{1f7eb}'
        | '\u{1f900}'..='\u{1f9ff}'
        | '\u{1fa70}'..='\u{1faff}')
        || is_flag_letter(c)
}

/// Returns whether a character is one of the two that make a flag.
pub(super) fn is_flag_letter(c: char) -> bool {
    matches!(c, '\u{1f1e6}'..='\u{1f1ff}')
}

/// Returns whether the compatibility form of a letter or number may have other characters, as that
/// of `½` has a fraction slash, and those of Arabic ligatures have spaces.
pub(super) fn may_separate(c: char) -> bool {
    matches!(c,
        '\u{bc}'..='\u{be}'
        | '\u{37a}'
        | '\u{2100}'..='\u{24ff}'
        | '\u{3200}'..='\u{33ff}'
        | '\u{fc00}'..='\u{fdff}'
        | '\u{fe70}'..='\u{feff}'
        | '\u{1f100}'..='\u{1f2ff}')
}

/// Returns the length of the signs behind a word that belong to its name, as in `C++` and `C#`.
pub(super) fn signs_behind(rest: &str) -> usize {
    if rest.starts_with("++") {
        return 2;
    }
    let behind = rest.strip_prefix('#');
    usize::from(behind.is_some_and(|behind| !behind.starts_with(char::is_alphanumeric)))
}

/// Returns whether a word, which begins where `before` ends, begins with a full stop, as `.NET`.
pub(super) fn has_stop(before: &str, word: &str) -> bool {
    let Some(before) = before.strip_suffix('.') else {
        return false;
    };
    let begins = |c: char| c.is_whitespace() || BEFORE_STOP.contains(&c);
    word.starts_with(char::is_alphabetic) && before.chars().next_back().is_none_or(begins)
}

#[cfg(test)]
mod tests {
    use unicode_normalization::UnicodeNormalization;
    use unicode_normalization::char::is_combining_mark;

    use super::*;

    #[test]
    fn all_characters_whose_form_separates_are_known() {
        let separates = |c: char| {
            let mut form = std::iter::once(c).nfkc();
            c.is_alphanumeric() && form.any(|c| !c.is_alphanumeric() && !is_combining_mark(c))
        };
        let unknown: Vec<char> = ('\0'..=char::MAX)
            .filter(|&c| separates(c) && !may_separate(c))
            .collect();
        // Catalan's l with a dot, which joins it with the next l.
        assert_eq!(unknown, ['Ŀ', 'ŀ']);
    }

    #[test]
    fn signs_belong_to_names() {
        assert_eq!(
            ["++", "++11", "# ", "#", "#1", "+", "+b"].map(signs_behind),
            [2, 2, 1, 1, 0, 0, 0]
        );
        assert!(has_stop(".", "net") && has_stop("use (.", "net") && has_stop("a .", "b"));
        assert!(!has_stop("asp.", "net") && !has_stop("..", "net") && !has_stop(".", "5"));
        assert!(!has_stop("", "net"));
    }
}
