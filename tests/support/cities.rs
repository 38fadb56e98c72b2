//! The real countries and cities that come with the examples.

use covara_diesel::Seedable;
use serde::{Deserialize, Serialize};

diesel::table! {
    countries (code) {
        code -> Text,
        name -> Text,
    }
}

diesel::table! {
    cities (geoname_id) {
        geoname_id -> BigInt,
        name -> Text,
        country_code -> Text,
        admin_code -> Nullable<Text>,
        feature_code -> Text,
        population -> BigInt,
        latitude -> Double,
        longitude -> Double,
    }
}

/// SQL for both tables on both engines.
pub const CREATE: &str = "
CREATE TABLE countries (code TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL);
CREATE TABLE cities (
    geoname_id BIGINT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    country_code TEXT NOT NULL REFERENCES countries (code),
    admin_code TEXT,
    feature_code TEXT NOT NULL,
    population BIGINT NOT NULL,
    latitude DOUBLE PRECISION NOT NULL,
    longitude DOUBLE PRECISION NOT NULL
);";

#[derive(Debug, Deserialize, Serialize, Seedable, PartialEq, diesel::Queryable)]
#[diesel(table_name = countries)]
pub struct Country {
    pub code: String,
    pub name: String,
}

#[derive(Debug, Deserialize, Serialize, Seedable, PartialEq, diesel::Queryable)]
#[diesel(table_name = cities)]
pub struct City {
    pub geoname_id: i64,
    pub name: String,
    pub country_code: String,
    pub admin_code: Option<String>,
    pub feature_code: String,
    pub population: i64,
    pub latitude: f64,
    pub longitude: f64,
}

pub fn countries() -> Vec<Country> {
    read("countries.csv")
}

pub fn cities() -> Vec<City> {
    read("cities.csv")
}

/// Path of a file of the examples' data.
pub fn file(name: &str) -> String {
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/covara-diesel/examples/data");
    format!("{data}/{name}")
}

fn read<T: serde::de::DeserializeOwned>(name: &str) -> Vec<T> {
    csv::Reader::from_path(file(name))
        .expect("the file comes with the project")
        .deserialize()
        .collect::<Result<_, _>>()
        .expect("its rows have these columns")
}
