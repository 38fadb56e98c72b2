//! Endings that a stemmer knows only with their accents.

use super::language::Language;

/// The number of letters that an ending leaves before it, at least.
const BEFORE: usize = 2;

/// An ending without accents, and the same with those that most words with this ending have.
type Ending = (&'static str, &'static str);

/// Chosen by the vocabularies of Snowball, so that as few words as possible lose a form that the
/// stemmer finds for the word with its accents, or gain a form of another word. Left out are endings
/// of verbs that many nouns have without accents, such as `tio` of `sitio`: these nouns would no longer
/// be found by their plurals.
fn endings(language: Language) -> &'static [Ending] {
    match language {
        Language::French => &[
            ("ee", "ée"),
            ("ees", "ées"),
            ("erent", "èrent"),
            ("ite", "ité"),
        ],
        Language::Hungarian => &[
            ("ol", "ól"),
            ("o", "ó"),
            ("nal", "nál"),
            ("nel", "nél"),
            ("kent", "ként"),
            ("ert", "ért"),
            ("jat", "ját"),
            ("tok", "tók"),
            ("tottak", "tották"),
        ],
        Language::Italian => &[("ra", "rà")],
        Language::Portuguese => &[
            ("cao", "ção"),
            ("coes", "ções"),
            ("encia", "ência"),
            ("encias", "ências"),
            ("ancia", "ância"),
            ("avel", "ável"),
            ("aveis", "áveis"),
            ("ao", "ão"),
        ],
        Language::Romanian => &[
            ("ti", "ți"),
            ("tie", "ție"),
            ("tia", "ția"),
            ("sti", "ști"),
            ("ste", "ște"),
            ("za", "ză"),
            ("ra", "ră"),
            ("ca", "că"),
            ("ind", "înd"),
        ],
        Language::Russian => &[
            ("ои", "ой"),
            ("ыи", "ый"),
            ("ии", "ий"),
            ("еи", "ей"),
            ("ися", "йся"),
            ("ишии", "йший"),
        ],
        Language::Spanish => &[
            ("ian", "ían"),
            ("iran", "irán"),
            ("ologia", "ología"),
            ("ologias", "ologías"),
        ],
        _ => &[],
    }
}

/// Gives a word without accents those that the stemmer needs.
pub(super) fn restore(language: Language, word: &mut String) {
    match language {
        Language::Turkish => *word = harmonised(word),
        language => restore_ending(endings(language), word),
    }
}

/// Returns a Turkish word with `ı` after a syllable with a back vowel, as its suffixes have there.
fn harmonised(word: &str) -> String {
    let mut back = false;
    let letters = word.chars().map(|letter| match letter {
        'i' if back => 'ı',
        'a' | 'ı' | 'o' | 'u' | 'e' | 'i' | 'ö' | 'ü' => {
            back = matches!(letter, 'a' | 'ı' | 'o' | 'u');
            letter
        }
        letter => letter,
    });
    letters.collect()
}

/// Restores the longest ending that the word has.
fn restore_ending(endings: &[Ending], word: &mut String) {
    let found = endings.iter().filter(|(plain, _)| word.ends_with(plain));
    let Some((plain, accented)) = found.max_by_key(|(plain, _)| plain.len()) else {
        return;
    };
    let start = word.len() - plain.len();
    let before = word.get(..start).unwrap_or_default();
    if before.chars().nth(BEFORE - 1).is_some() {
        word.truncate(start);
        word.push_str(accented);
    }
}

#[cfg(test)]
mod tests {
    use super::super::fold::without_accents;
    use super::*;

    #[test]
    fn endings_have_accents_and_nothing_else() {
        for language in Language::all() {
            for (plain, accented) in endings(language) {
                assert_eq!(*plain, without_accents(accented), "{language:?}");
            }
        }
    }

    #[test]
    fn turkish_suffixes_follow_the_vowel_before_them() {
        assert_eq!(harmonised("kizlarin"), "kizların");
        assert_eq!(harmonised("evlerinin"), "evlerinin");
        assert_eq!(harmonised("kitabimizi"), "kitabımızı");
        assert_eq!(harmonised("sarki dili"), "sarkı dılı");
    }

    #[test]
    fn the_longest_ending_is_restored_behind_two_letters() {
        let restored = |word: &str| {
            let mut word = word.to_owned();
            restore(Language::Portuguese, &mut word);
            word
        };
        assert_eq!(restored("informacao"), "informação");
        assert_eq!(restored("irmao"), "irmão");
        assert_eq!(restored("acao"), "acao");
        assert_eq!(restored("livro"), "livro");
    }
}
