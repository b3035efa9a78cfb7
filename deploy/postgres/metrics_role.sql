-- The login role of Prometheus's exporter, which may read statistics and the text of statements, and nothing of the
-- services. Can be run again.
SET track_activities = off;  -- or pg_stat_activity shows the password
\set password `cat "$PASSWORD_FILE"`
SET log_min_error_statement = panic;
SET client_min_messages = warning;

SELECT 'CREATE ROLE metrics LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'metrics') \gexec

ALTER ROLE metrics CONNECTION LIMIT 5 PASSWORD :'password';
GRANT pg_monitor TO metrics;
GRANT CONNECT ON DATABASE postgres TO metrics;
-- It could fill the disk with large objects.
REVOKE EXECUTE ON FUNCTION lo_creat(int), lo_create(oid), lo_from_bytea(oid, bytea) FROM PUBLIC;
