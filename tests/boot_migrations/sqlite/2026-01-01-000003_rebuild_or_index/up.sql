PRAGMA foreign_keys = OFF;
CREATE TABLE new_books (id BIGINT PRIMARY KEY NOT NULL, author_id BIGINT NOT NULL REFERENCES authors (id), title TEXT);
INSERT INTO new_books SELECT id, author_id, NULL FROM books;
DROP TABLE books;
ALTER TABLE new_books RENAME TO books;
CREATE INDEX books_author ON books (author_id);
PRAGMA foreign_keys = ON;
