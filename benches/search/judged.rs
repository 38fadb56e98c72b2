//! How high the obvious answer is ranked: 60 queries for Debian packages, written down before any was
//! run, over the names and synopses of all packages that this machine knows.

use std::collections::BTreeMap;
use std::process::Command;

use covara_diesel::DatabaseConnection;
use covara_diesel::search::{Field, IndexDefinition, Language, SearchAdapter, SearchQuery};
use serde_json::json;

/// Query and obvious answer, separated by a tab.
const QUERIES: &str = include_str!("judged.tsv");
/// Fewer packages than this make the queries easy.
const ENOUGH: usize = 20_000;
/// The rank from which an answer counts as not found.
const LAST: usize = 100;
/// How much more a word counts in the name.
pub const NAME: f64 = 3.0;

pub struct Packages {
    /// Name and synopsis.
    pub all: Vec<(String, String)>,
}

/// Somebody's own SQL for the same packages.
pub trait PlainRanking {
    const NAME: &'static str;

    fn fill(&mut self, packages: &Packages);

    /// The names of the first packages that have all words.
    fn search(&mut self, words: &str, most: usize) -> Vec<String>;
}

impl Packages {
    /// Returns the packages of `apt-cache`, or the reason why they are of no use.
    pub fn read() -> Result<Self, String> {
        let output = Command::new("apt-cache").arg("dumpavail").output();
        let output = output.map_err(|error| format!("apt-cache: {error}"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let mut packages: BTreeMap<String, String> = BTreeMap::new();
        let mut name = "";
        for line in text.lines() {
            let Some((field, value)) = line.split_once(": ") else {
                continue;
            };
            match field {
                "Package" => name = value,
                "Description" | "Description-en" => {
                    packages
                        .entry(name.to_owned())
                        .or_insert_with(|| value.to_owned());
                }
                _ => {}
            }
        }
        let judged = judged().filter(|(_, answer)| packages.contains_key(*answer));
        if packages.len() < ENOUGH || judged.count() < judged_count() {
            let count = packages.len();
            return Err(format!(
                "apt-cache knows {count} packages, not all of Debian's"
            ));
        }
        Ok(Self {
            all: packages.into_iter().collect(),
        })
    }
}

fn judged() -> impl Iterator<Item = (&'static str, &'static str)> {
    QUERIES.lines().filter_map(|line| line.split_once('\t'))
}

fn judged_count() -> usize {
    judged().count()
}

/// Prints the mean reciprocal rank of the adapter and of plain SQL.
pub fn compare<A, C>(
    engine: &str,
    adapter: &A,
    conn: &mut C,
    plain: &mut impl PlainRanking,
    packages: &Packages,
) where
    A: SearchAdapter,
    C: DatabaseConnection<Backend = A::Backend>,
{
    let definition = IndexDefinition::new()
        .field("name", Field::keyword().weight(NAME))
        .field("synopsis", Field::text().language(Language::English));
    adapter
        .create_index(conn, "packages", &definition)
        .expect("a new index");
    let documents = packages.all.iter();
    let documents =
        documents.map(|(name, synopsis)| (name, json!({"name": name, "synopsis": synopsis})));
    adapter
        .index_many(conn, "packages", documents)
        .expect("documents");
    plain.fill(packages);
    let count = packages.all.len();
    println!(
        "\n{engine}, {} judged queries over {count} packages, mean reciprocal rank",
        judged_count()
    );
    print_rank(&format!("plain {}", plain_name(plain)), |words| {
        plain.search(words, LAST)
    });
    for (title, exact_first) in [("adapter, by score alone", false), ("adapter", true)] {
        print_rank(title, |words| {
            let query = SearchQuery::new(words).size(LAST).exact_first(exact_first);
            let found = adapter.search(conn, "packages", &query).expect("a query");
            found.hits.into_iter().map(|hit| hit.id).collect()
        });
    }
    adapter.delete_index(conn, "packages").expect("a database");
}

fn plain_name<P: PlainRanking>(_: &P) -> &'static str {
    P::NAME
}

fn print_rank(title: &str, mut search: impl FnMut(&str) -> Vec<String>) {
    let mut sums = [(0.0, 0.0); 2];
    let mut below = Vec::new();
    for (words, answer) in judged() {
        let place = search(words).iter().position(|found| found == answer);
        let rank = place.map_or(0.0, |place| 1.0 / (place + 1) as f64);
        let letters = |text: &str| text.to_lowercase().replace(['-', ' '], "");
        let group = usize::from(letters(words) != letters(answer));
        sums[group].0 += rank;
        sums[group].1 += 1.0;
        if place != Some(0) {
            let place = place.map_or("-".to_owned(), |place| (place + 1).to_string());
            below.push(format!("{words} {place}"));
        }
    }
    let [names, others] = sums;
    println!(
        "  {title:<36} {:.3}  ({} names {:.3}, {} descriptions {:.3})",
        (names.0 + others.0) / (names.1 + others.1),
        names.1,
        names.0 / names.1,
        others.1,
        others.0 / others.1,
    );
    println!("    not first: {}", below.join(", "));
}
