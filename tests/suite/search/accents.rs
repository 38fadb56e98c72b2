//! Words typed without their accents, in every language.

use covara_diesel::search::{Field, IndexDefinition, Language, SearchAdapter};
use serde_json::json;

use super::{found, index_of};
use crate::backend::Fts;

/// Words with accents, each with the same one, or a form of it, without them.
const TYPED: [(Language, &[(&str, &str)]); 14] = [
    (
        Language::French,
        &[
            ("Créée", "creees"),
            ("qualités", "qualite"),
            ("préférèrent", "prefererent"),
        ],
    ),
    (
        Language::Portuguese,
        &[
            ("informação", "informacao"),
            ("informações", "informacao"),
            ("notáveis", "NOTAVEIS"),
        ],
    ),
    (
        Language::Spanish,
        &[
            ("educación", "educacion"),
            ("tecnología", "tecnologias"),
            ("cantarán", "cantaran"),
        ],
    ),
    (
        Language::Italian,
        &[
            ("città", "citta"),
            ("canterà", "cantera"),
            ("perché", "perche"),
        ],
    ),
    (
        Language::Russian,
        &[
            ("ещё", "еще"),
            ("звёздный", "звездныи"),
            ("зелёной", "зеленои"),
        ],
    ),
    (
        Language::Turkish,
        &[
            ("kızların", "KIZLARIN"),
            ("ışık", "isik"),
            ("İSTANBUL", "istanbul"),
        ],
    ),
    (
        Language::Romanian,
        &[
            ("învățători", "invatatori"),
            ("școală", "scoala"),
            ("ţară", "țară"),
        ],
    ),
    (
        Language::Hungarian,
        &[("könyvtár", "konyvtar"), ("házból", "hazbol")],
    ),
    (
        Language::German,
        &[("Häuser", "hauser"), ("Größe", "grosse")],
    ),
    (Language::Danish, &[("ønskerne", "onskerne")]),
    (Language::Norwegian, &[("værelse", "vaerelse")]),
    (Language::Swedish, &[("människorna", "manniskorna")]),
    (Language::Finnish, &[("päivää", "paivaa")]),
    (
        Language::Greek,
        &[("θάλασσα", "θαλασσα"), ("ϊδιος", "ίδιος")],
    ),
];

#[test]
fn a_word_is_found_with_and_without_its_accents() {
    let mut missed = Vec::new();
    for (language, words) in TYPED {
        let field = Field::text().language(language);
        let (_db, mut conn) = index_of(&IndexDefinition::new().field("body", field));
        for (accented, typed) in words {
            for (written, query) in [(accented, typed), (typed, accented)] {
                let document = json!({"body": format!("x {written} y")});
                Fts.index(&mut conn, "docs", "1", &document).unwrap();
                if found(&mut conn, query) != ["1"] {
                    missed.push(format!("{language:?}: {written} by {query}"));
                }
            }
        }
    }
    assert_eq!(missed, [""; 0]);
}

#[test]
fn a_field_can_keep_accents_apart_in_a_language() {
    let field = Field::text().language(Language::Portuguese).keep_accents();
    let (_db, mut conn) = index_of(&IndexDefinition::new().field("body", field));
    let document = json!({"body": "informações"});
    Fts.index(&mut conn, "docs", "1", &document).unwrap();
    assert_eq!(found(&mut conn, "informação"), ["1"]);
    assert_eq!(found(&mut conn, "maçã"), [""; 0]);
    Fts.index(&mut conn, "docs", "1", &json!({"body": "avó"}))
        .unwrap();
    assert_eq!(found(&mut conn, "avo"), [""; 0]);
}

/// Nouns without accents, each with its plural.
const NOUNS: [(Language, &[(&str, &str)]); 5] = [
    (
        Language::French,
        &[
            ("soldat", "soldats"),
            ("contrat", "contrats"),
            ("avocat", "avocats"),
            ("résultat", "résultats"),
            ("format", "formats"),
            ("site", "sites"),
            ("visite", "visites"),
            ("limite", "limites"),
            ("musée", "musées"),
        ],
    ),
    (
        Language::Spanish,
        &[
            ("estudio", "estudios"),
            ("sitio", "sitios"),
            ("medio", "medios"),
            ("radio", "radios"),
            ("materia", "materias"),
            ("librería", "librerías"),
            ("historia", "historias"),
            ("mentira", "mentiras"),
            ("tecnología", "tecnologías"),
        ],
    ),
    (
        Language::Italian,
        &[
            ("camera", "camere"),
            ("lettera", "lettere"),
            ("opera", "opere"),
        ],
    ),
    (
        Language::Portuguese,
        &[
            ("irmão", "irmãos"),
            ("agência", "agências"),
            ("informação", "informações"),
            ("cidade", "cidades"),
        ],
    ),
    (
        Language::Hungarian,
        &[("ház", "házak"), ("asztal", "asztalok")],
    ),
];

#[test]
fn a_noun_is_found_by_its_plural() {
    let mut missed = Vec::new();
    for (language, nouns) in NOUNS {
        let field = Field::text().language(language);
        let (_db, mut conn) = index_of(&IndexDefinition::new().field("body", field));
        for (one, several) in nouns {
            let document = json!({"body": format!("x {one} y")});
            Fts.index(&mut conn, "docs", "1", &document).unwrap();
            if found(&mut conn, several) != ["1"] {
                missed.push(format!("{language:?}: {one} by {several}"));
            }
        }
    }
    assert_eq!(missed, [""; 0]);
}
