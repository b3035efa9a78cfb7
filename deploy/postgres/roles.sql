-- A database and a login role for each service; neither may connect to the other's. Can be run again: what is there
-- stays, and the passwords become those of the files, so that they stand in no variable and no log.
\set auth_password `cat "$AUTH_PASSWORD_FILE"`
\set books_password `cat "$BOOKS_PASSWORD_FILE"`
SET log_min_error_statement = panic;
SET client_min_messages = warning;

SELECT format('CREATE ROLE %I LOGIN', name)
    FROM unnest(ARRAY['auth', 'books']) AS name
    WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec

ALTER ROLE auth PASSWORD :'auth_password';
ALTER ROLE books PASSWORD :'books_password';

SELECT format('CREATE DATABASE %I OWNER %I', name, name)
    FROM unnest(ARRAY['auth', 'books']) AS name
    WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = name) \gexec

REVOKE ALL ON DATABASE auth, books, postgres, template1 FROM PUBLIC;
