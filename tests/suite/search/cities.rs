//! The names of 135,233 real cities.

use std::collections::HashMap;

use covara_diesel::search::{Field, Filter, IndexDefinition, SearchAdapter, SearchQuery, Sort};
use serde_json::json;
use support::cities;

use super::{index_of, search};
use crate::backend::Fts;

/// A letter without its accent, of those that the names below have.
fn plain(c: char) -> char {
    match c {
        'á' | 'à' | 'â' | 'ã' | 'ä' | 'å' | 'ā' | 'ă' | 'ą' => 'a',
        'é' | 'è' | 'ê' | 'ë' | 'ē' | 'ė' | 'ę' | 'ě' => 'e',
        'í' | 'ì' | 'î' | 'ï' | 'ī' => 'i',
        'ó' | 'ò' | 'ô' | 'õ' | 'ö' | 'ø' | 'ō' | 'ő' => 'o',
        'ú' | 'ù' | 'û' | 'ü' | 'ū' | 'ů' => 'u',
        'ñ' | 'ń' | 'ň' => 'n',
        'ç' | 'ć' | 'č' => 'c',
        c => c,
    }
}

/// Lower case, without accents, each word between spaces.
fn spaced(name: &str) -> String {
    let mut text = String::from(" ");
    for c in name.to_lowercase().chars().map(plain) {
        text.push(if c.is_alphanumeric() { c } else { ' ' });
    }
    text.push(' ');
    text.split_whitespace()
        .fold(String::from(" "), |all, word| all + word + " ")
}

#[test]
fn cities_are_found_by_their_names() {
    let all = cities::cities();
    assert_eq!(all.len(), 135_233);
    let (_db, mut conn) = index_of(
        &IndexDefinition::new()
            .field("name", Field::text())
            .field("country", Field::keyword())
            .field("population", Field::integer()),
    );
    let conn = &mut conn;
    let documents = all.iter().map(|city| {
        let document = json!({
            "name": city.name,
            "country": city.country_code,
            "population": city.population,
        });
        (city.geoname_id.to_string(), document)
    });
    assert_eq!(Fts.index_many(conn, "docs", documents).unwrap(), all.len());
    let names: HashMap<String, String> = all
        .iter()
        .map(|city| (city.geoname_id.to_string(), spaced(&city.name)))
        .collect();
    // What must be in the names, as phrases.
    let queries: [(&str, &[&str]); 9] = [
        ("são paulo", &["sao", "paulo"]),
        ("sao paulo", &["sao", "paulo"]),
        ("SÃO  PAULO", &["sao", "paulo"]),
        ("st. john's", &["st", "john s"]),
        ("Xeraco,Jaraco", &["xeraco jaraco"]),
        ("Ñuñoa", &["nunoa"]),
        ("nunoa", &["nunoa"]),
        ("saint-denis", &["saint denis"]),
        ("new york", &["new", "york"]),
    ];
    for (query, phrases) in queries {
        let mut expected: Vec<&str> = names
            .iter()
            .filter(|(_, name)| {
                phrases
                    .iter()
                    .all(|phrase| name.contains(&format!(" {phrase} ")))
            })
            .map(|(id, _)| id.as_str())
            .collect();
        expected.sort_unstable();
        let found = search(conn, &SearchQuery::new(query).fields(["name"]).size(1_000));
        let mut ids: Vec<&str> = found.hits.iter().map(|hit| hit.id.as_str()).collect();
        ids.sort_unstable();
        assert!(!expected.is_empty(), "{query}");
        assert_eq!(ids, expected, "{query}");
        assert_eq!(found.total, expected.len());
    }
    let largest = SearchQuery::new("san")
        .filter(Filter::is("country", "US"))
        .filter(Filter::range("population", 500_000..))
        .sort(Sort::descending("population"))
        .size(2);
    let found = search(conn, &largest);
    let names: Vec<&str> = found
        .hits
        .iter()
        .filter_map(|hit| hit.source["name"].as_str())
        .collect();
    assert_eq!(names, ["San Antonio", "San Diego"]);
}
