//! Documents of 46 words, as frequent as words are in prose.

/// The word that 39 of 100 documents have.
pub const WIDE: &str = "wide";

const VOCABULARY: usize = 20_000;
const WORDS: usize = 46;

pub struct Texts {
    pub documents: Vec<String>,
    words: Vec<String>,
}

impl Texts {
    pub fn new(count: usize) -> Self {
        let words: Vec<String> = (0..VOCABULARY).map(word).collect();
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = move || {
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1_u64 << 53) as f64
        };
        let documents = (0..count)
            .map(|_| {
                let wide = random() < 0.39;
                let mut text = String::new();
                for n in 0..WORDS {
                    if n == 7 && wide {
                        text.push_str(WIDE);
                    } else {
                        // The n-th most frequent word about 1/n as often as the first.
                        let rank = (VOCABULARY as f64).powf(random()) as usize - 1;
                        text.push_str(&words[rank.min(VOCABULARY - 1)]);
                    }
                    text.push(' ');
                }
                text
            })
            .collect();
        Self { documents, words }
    }

    pub fn common(&self) -> &str {
        &self.words[20]
    }

    pub fn rare(&self) -> &str {
        &self.words[1_000]
    }

    pub fn seldom(&self) -> &str {
        &self.words[15_000]
    }
}

/// Something that sounds like a word; no two have one stem.
fn word(number: usize) -> String {
    const SYLLABLES: [&str; 28] = [
        "ka", "ro", "mi", "tu", "lo", "pa", "ne", "vi", "so", "du", "ra", "bo", "ki", "la", "mu",
        "na", "po", "ri", "sa", "to", "va", "zo", "fa", "go", "hu", "ja", "wo", "xi",
    ];
    let mut rest = number;
    let mut text = String::new();
    for _ in 0..3 {
        text.push_str(SYLLABLES[rest % 28]);
        rest /= 28;
    }
    text + "k"
}
