//! Tests of the stemmers with many words: none panics, and the stems are those of this version.

use super::super::fold::without_accents;
use super::super::{Analyzer, Language};

/// Returns the letters of a language.
fn alphabet(language: Language) -> &'static str {
    match language {
        Language::Unstemmed | Language::English => "abcdefghijklmnopqrstuvwxyz",
        Language::Arabic => "ءآأؤإئابةتثجحخدذرزسشصضطظعغفقكلمنهوىي",
        Language::Danish | Language::Norwegian => "abcdefghijklmnopqrstuvwxyzæøåéòô",
        Language::Dutch => "abcdefghijklmnopqrstuvwxyzéëïèöüäáóí",
        Language::Finnish | Language::Swedish => "abcdefghijklmnopqrstuvwxyzäöåé",
        Language::French => "abcdefghijklmnopqrstuvwxyzàâçéèêëîïôûùüÿœæ",
        Language::German => "abcdefghijklmnopqrstuvwxyzäöüß",
        Language::Greek => "αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋΐΰ",
        Language::Hungarian => "abcdefghijklmnopqrstuvwxyzáéíóöőúüű",
        Language::Italian => "abcdefghijklmnopqrstuvwxyzàèéìíòóùú",
        Language::Portuguese => "abcdefghijklmnopqrstuvwxyzáâãàçéêíóôõúü",
        Language::Romanian => "abcdefghijklmnopqrstuvwxyzăâîșțşţ",
        Language::Russian => "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
        Language::Spanish => "abcdefghijklmnopqrstuvwxyzáéíñóúü",
        Language::Tamil => "அஆஇஈஉஊஎஏஐஒஓஔகஙசஞடணதநபமயரலவழளறனஜஷஸஹாிீுூெேைொோௌ்",
        Language::Turkish => "abcçdefgğhıijklmnoöprsştuüvyzâîû",
    }
}

/// Words, each with another form of it that a query must match.
const SAMPLES: [(Language, &[(&str, &str)]); 18] = [
    (
        Language::Arabic,
        &[("كتابان", "كتاب"), ("المدارس", "مدارس")],
    ),
    (
        Language::Danish,
        &[("bøgerne", "bøger"), ("husene", "huset")],
    ),
    (Language::Dutch, &[("boeken", "boek"), ("huizen", "huis")]),
    (
        Language::English,
        &[("running", "runs"), ("cities", "city")],
    ),
    (
        Language::Finnish,
        &[("taloissa", "talot"), ("kissat", "kissan")],
    ),
    (
        Language::French,
        &[("maisons", "maison"), ("continuellement", "continuel")],
    ),
    (
        Language::German,
        &[("Häuser", "Haus"), ("Büchern", "Bücher")],
    ),
    (Language::Greek, &[("θάλασσες", "θάλασσα")]),
    (
        Language::Hungarian,
        &[("házakban", "házak"), ("könyvek", "könyvet")],
    ),
    (
        Language::Italian,
        &[("libri", "libro"), ("ragazze", "ragazza")],
    ),
    (
        Language::Norwegian,
        &[("husene", "huset"), ("bøkene", "bøker")],
    ),
    (
        Language::Portuguese,
        &[("livros", "livro"), ("cantando", "cantar")],
    ),
    (
        Language::Romanian,
        &[("casele", "case"), ("prietenilor", "prieteni")],
    ),
    (
        Language::Russian,
        &[("звёзды", "звезды"), ("книгами", "книга")],
    ),
    (
        Language::Spanish,
        &[("libros", "libro"), ("cantando", "cantar")],
    ),
    (
        Language::Swedish,
        &[("flickorna", "flickor"), ("husen", "huset")],
    ),
    (Language::Tamil, &[("வீடுகள்", "வீடு")]),
    (
        Language::Turkish,
        &[("evlerde", "ev"), ("kitaplar", "kitap")],
    ),
];

fn words(analyzer: &Analyzer, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    analyzer.words(text, |word| {
        found.push(word.text.to_owned());
        true
    });
    found
}

/// A generator of the same numbers in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 32).unwrap() % limit
    }

    fn word(&mut self, letters: &[char]) -> String {
        let length = 1 + self.below(14);
        (0..length)
            .map(|_| letters[self.below(letters.len())])
            .collect()
    }

    /// Returns arbitrary characters, most of which are not letters.
    fn hostile(&mut self) -> String {
        let length = 1 + self.below(40);
        let any = |random: &mut Self| {
            let block = [0x80, 0x2000, 0x1_0000, 0x11_0000][random.below(4)];
            let code = u32::try_from(random.below(block)).unwrap();
            char::from_u32(code).unwrap_or('\u{301}')
        };
        (0..length).map(|_| any(self)).collect()
    }
}

#[test]
fn forms_of_a_word_are_brought_together_in_every_language() {
    let mut apart = Vec::new();
    for (language, samples) in SAMPLES {
        let analyzer = Analyzer::new(language, true);
        for (one, other) in samples {
            let stems = [words(&analyzer, one), words(&analyzer, other)];
            if stems[0] != stems[1] {
                apart.push(format!("{language:?}: {one} and {other} are {stems:?}"));
            }
        }
    }
    assert_eq!(apart, [""; 0]);
}

/// Calls the stemmers without the guard, which would hide a panic.
#[test]
fn no_stemmer_panics_and_the_stems_are_those_of_this_version() {
    let mut made = Vec::new();
    for language in Language::all().filter(|language| *language != Language::Unstemmed) {
        let stemmer = frostem::Stemmer::new(language.algorithm().unwrap());
        let letters: Vec<char> = alphabet(language).chars().collect();
        let mut random = Random(88_172_645_463_325_252);
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for number in 0..100_000 {
            let word = random.word(&letters);
            let stem = stemmer.stem(&word);
            // Also inputs that no text yields, as they are not words, and letters of another
            // language.
            if number % 4 == 0 {
                stemmer.stem(&random.hostile());
            }
            for byte in stem.bytes().chain([0]) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
        made.push((language.name(), hash));
    }
    assert_eq!(
        made, STEMS,
        "the stemmers make other stems: raise WORDS, and the languages' version, with them"
    );
}

/// Endings that are restored in some language.
const ENDINGS: [&str; 16] = [
    "", "", "", "ee", "erent", "nal", "ra", "coes", "ao", "tie", "ste", "ыи", "ися", "ria",
    "ologia", "larin",
];

#[test]
fn the_words_are_those_of_this_version() {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for language in Language::all() {
        let analyzer = Analyzer::new(language, true);
        let letters: Vec<char> = alphabet(language).chars().collect();
        let mut random = Random(88_172_645_463_325_252);
        for _ in 0..5_000 {
            let mut word = random.word(&letters);
            word.push_str(ENDINGS[random.below(ENDINGS.len())]);
            for byte in words(&analyzer, &word).join(" ").bytes().chain([0]) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
    }
    assert_eq!(
        hash, MADE_WORDS,
        "other words are made: raise WORDS, and the languages' version, with them"
    );
}

const MADE_WORDS: u64 = 16_575_779_866_119_645_935;

/// Whatever the word: also where it is cut, and where a stemmer removes an ending.
#[test]
fn a_word_is_the_same_with_and_without_its_accents() {
    let mut accented = 0;
    for language in Language::all() {
        let analyzer = Analyzer::new(language, true);
        let letters: Vec<char> = alphabet(language).chars().collect();
        let mut random = Random(88_172_645_463_325_252);
        for _ in 0..10_000 {
            let word = random.word(&letters);
            let plain = without_accents(&word);
            accented += usize::from(word != plain);
            let found = words(&analyzer, &word);
            assert_eq!(found, words(&analyzer, &plain), "{language:?}: {word}");
            assert_eq!(found, words(&analyzer, &word.to_uppercase()), "{word}");
        }
    }
    assert!(accented > 100_000, "{accented}");
}

/// The hash of the stems of 100,000 words of each language.
const STEMS: [(&str, u64); 18] = [
    ("arabic", 17_024_790_492_481_199_289),
    ("danish", 9_159_537_448_205_634_594),
    ("dutch", 6_967_321_200_720_762_671),
    ("english", 16_896_316_636_861_222_632),
    ("finnish", 11_063_627_230_276_253_635),
    ("french", 3_486_358_830_144_589_242),
    ("german", 10_628_562_876_217_744_525),
    ("greek", 6_643_245_393_891_512_112),
    ("hungarian", 3_674_658_373_287_960_682),
    ("italian", 15_211_517_884_252_973_192),
    ("norwegian", 16_392_222_525_686_936_381),
    ("portuguese", 17_672_150_766_306_530_610),
    ("romanian", 15_461_963_619_579_571_063),
    ("russian", 6_543_642_300_200_561_777),
    ("spanish", 15_330_582_871_332_903_127),
    ("swedish", 6_366_242_973_518_167_644),
    ("tamil", 11_139_403_639_402_280_709),
    ("turkish", 15_724_077_096_173_709_400),
];

/// Short Greek words; another crate's stemmer panicked at 41 of them.
#[test]
fn short_forms_in_greek() {
    let analyzer = Analyzer::new(Language::Greek, true);
    let syllables = ["ι", "σα", "α", "ε", "η", "σι", "ει", "αι", "οι", "λο"];
    for first in syllables {
        for second in syllables {
            for third in syllables {
                let word = format!("{first}{second}{third}");
                assert_eq!(words(&analyzer, &word).len(), 1, "{word}");
            }
        }
    }
    assert_eq!(words(&analyzer, "ισαισα").len(), 1);
}
