-- A database and a login role for one service (psql --set=service=...); no other may connect to it. Can be run again:
-- what is there stays, and the password becomes that of the file, so that it stands in no variable and no log.
SET track_activities = off;  -- or pg_stat_activity shows the password to the role `metrics`
\set password `cat "$PASSWORD_FILE"`
SET log_min_error_statement = panic;
SET client_min_messages = warning;

SELECT format('CREATE ROLE %I LOGIN', :'service')
    WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'service') \gexec

ALTER ROLE :"service" PASSWORD :'password';

SELECT format('CREATE DATABASE %I OWNER %I', :'service', :'service')
    WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'service') \gexec

REVOKE ALL ON DATABASE :"service", postgres, template1 FROM PUBLIC;
