CREATE TABLE cities (
    id BIGINT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    population BIGINT
);
