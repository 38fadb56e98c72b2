CREATE TABLE countries (
    code TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL
);

CREATE TABLE cities (
    geoname_id BIGINT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    country_code TEXT NOT NULL REFERENCES countries (code),
    admin_code TEXT,
    feature_code TEXT NOT NULL,
    population BIGINT NOT NULL,
    latitude DOUBLE PRECISION NOT NULL,
    longitude DOUBLE PRECISION NOT NULL
);
