-- The login role of Prometheus's exporter, which may read statistics, and nothing of the services. Can be run again.
\set password `cat "$PASSWORD_FILE"`
SET log_min_error_statement = panic;
SET client_min_messages = warning;

SELECT 'CREATE ROLE metrics LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'metrics') \gexec

ALTER ROLE metrics PASSWORD :'password';
GRANT pg_monitor TO metrics;
GRANT CONNECT ON DATABASE postgres TO metrics;
