"""How large a database is, for the page of metrics: asked when that is read, never during a request."""

import threading
from collections.abc import Sequence
from contextlib import suppress

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from common.db.connections import SchemaNotCurrent
from common.db.pool import ConnectionPool, transaction

TABLES = text(
    "SELECT relname, pg_total_relation_size(oid) AS bytes, reltuples FROM pg_class"
    " WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace"
)
FILE = text("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")


class DatabaseSizes(Collector):
    """Each table with its indexes on PostgreSQL, the file on SQLite; what could not be asked is as before."""

    def __init__(self, pool: ConnectionPool, name: str) -> None:
        self._pool = pool
        self._name = name
        self._known: Sequence[Metric] = ()
        self._asking = threading.Lock()

    def collect(self) -> Sequence[Metric]:
        """Ask once at a time, so that readers of the page take one connection at most."""
        if self._asking.acquire(blocking=False):
            try:
                with suppress(SQLAlchemyError, SchemaNotCurrent), self._pool.connection() as connection:
                    is_sqlite = connection.dialect.name == "sqlite"
                    sizes = self._size_of_file if is_sqlite else self._sizes_of_tables
                    self._known = sizes(connection)
            finally:
                self._asking.release()
        return self._known

    def _size_of_file(self, connection: Connection) -> Sequence[Metric]:
        family = GaugeMetricFamily("database_file_bytes", "Size of the SQLite database.", labels=["database"])
        family.add_metric([self._name], connection.execute(FILE).scalar_one())
        return [family]

    def _sizes_of_tables(self, connection: Connection) -> Sequence[Metric]:
        labels = ["database", "table"]
        sizes = GaugeMetricFamily("database_table_bytes", "Size of a table and its indexes.", labels=labels)
        rows = GaugeMetricFamily("database_table_rows", "Rows, as PostgreSQL estimates them.", labels=labels)
        with transaction(connection):  # so that it has the limits, behind PgBouncer too
            tables = connection.execute(TABLES).all()
        for table in tables:
            sizes.add_metric([self._name, table.relname], table.bytes)
            if table.reltuples >= 0:  # it was counted at least once
                rows.add_metric([self._name, table.relname], table.reltuples)
        return [sizes, rows]
