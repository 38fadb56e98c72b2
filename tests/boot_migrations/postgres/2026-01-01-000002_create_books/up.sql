CREATE TABLE books (id BIGINT PRIMARY KEY NOT NULL, author_id BIGINT NOT NULL REFERENCES authors (id));
INSERT INTO authors VALUES (1, 'O''Brien; --');
