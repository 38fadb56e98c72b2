DROP TABLE books;
DELETE FROM authors;
