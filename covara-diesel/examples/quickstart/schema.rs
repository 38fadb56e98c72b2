//! The application's own tables.

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
