"""Sample data after the guide's database, dumps of it whole and broken, and what to compare."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import sql

from tests.docker.containers import DatabaseContainer

DATABASE = "ecoanp"
EXTENSIONS = (
    "timescaledb",
    "pg_cron",
    "plpython3u",
    "vector",
    "pg_trgm",
    "btree_gin",
    "pg_stat_statements",
    "pgcrypto",
    "plpgsql",
)
OWNER = "sample_owner"
READER = "sample_reader"


@dataclass(frozen=True)
class Size:
    """How much to generate: one chunk a day up to now, and rows over all of them."""

    chunks: int
    rows: int


SMALL = Size(chunks=4, rows=2_000)
LARGE = Size(chunks=31, rows=1_000_000)


@dataclass(frozen=True)
class View:
    """A continuous aggregate of the guide: its bucket, source, and refresh policy."""

    name: str
    source: str
    bucket: str
    end_offset: str
    schedule: str


VIEWS = (
    View("influx_agg_1m", "influx_data", "1 minute", "10 minutes", "1 minute"),
    View("influx_agg_10m", "influx_agg_1m", "10 minutes", "1 hour", "10 minutes"),
    View("influx_agg_1h", "influx_agg_10m", "1 hour", "1 day", "1 hour"),
    View("influx_agg_1d", "influx_agg_1h", "1 day", "7 days", "1 day"),
)

_SCHEMA = f"""
CREATE TABLE influx_data (
    time timestamptz NOT NULL, sensor_id int NOT NULL, value double precision, quality text
);
SELECT public.create_hypertable('influx_data', 'time', chunk_time_interval => interval '1 day');
CREATE INDEX influx_data_sensor_time ON influx_data (sensor_id, time DESC);
CREATE TABLE sensors (
    id int PRIMARY KEY, name text NOT NULL UNIQUE, tags text[] NOT NULL, embedding public.vector(3)
);
CREATE INDEX sensors_name_trgm ON sensors USING gin (name public.gin_trgm_ops);
INSERT INTO sensors
    SELECT n, 'sensor ' || n, ARRAY['site ' || n % 3], ARRAY[n, n % 7, 1]::public.vector
    FROM generate_series(1, 50) AS n;
GRANT SELECT ON influx_data, sensors TO {READER};
"""
# The last row falls on now, the first on midnight (UTC) at the start of the first chunk.
_ROWS = """
INSERT INTO influx_data
    SELECT start + (now() - start) * (n::float8 / (%(rows)s - 1)), 1 + n %% 50, sin(n), 'ok'
    FROM (SELECT date_trunc('day', now(), 'UTC') - interval '1 day' * (%(chunks)s - 1) AS start) s,
         generate_series(0, %(rows)s - 1) AS n
"""
_VIEW = """
CREATE MATERIALIZED VIEW {name} WITH (timescaledb.continuous) AS
    SELECT public.time_bucket({bucket}, {time}) AS bucket, sensor_id,
           {value} AS total, {count} AS samples
    FROM {source} GROUP BY 1, 2 WITH NO DATA
"""


def create_sample(
    container: DatabaseContainer,
    dbname: str = DATABASE,
    size: Size = SMALL,
    timescaledb: str | None = None,
) -> tuple[str, ...]:
    """Create *dbname* anew with the guide's extensions and sample data.

    `influx_data` and `sensors` belong to OWNER, READER may read them, `notes` is the superuser's.
    *timescaledb* is its version, the image's own unless said.
    Returns the extensions created: pg_cron only goes into the database it is bound to, and another
    image may lack some.
    """
    _create_database(container, dbname)
    if timescaledb is not None:
        with container.connect(dbname) as connection:
            create = sql.SQL("CREATE EXTENSION timescaledb VERSION {}")
            connection.execute(create.format(sql.Literal(timescaledb)))
    with container.connect(dbname) as connection:
        created = _create_extensions(connection)
        _create_roles(connection)
        connection.execute(
            "CREATE TABLE notes AS SELECT n, 'note' AS text FROM generate_series(1, 9) n"
        )
        connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(OWNER)))
        connection.execute(_SCHEMA)
        connection.execute(_ROWS, {"rows": size.rows, "chunks": size.chunks})
        connection.execute("RESET ROLE")
        connection.execute("ANALYZE")
    return created


def create_views(
    container: DatabaseContainer, dbname: str = DATABASE, *, retention: str = "90 days"
) -> None:
    """Add the guide's four views, refreshed, with their policies and a retention policy.

    Community edition only. A *retention* shorter than the sample's days eats chunks within
    seconds, unless background_workers_stopped is around it.
    """
    with container.connect(dbname) as connection:
        connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(OWNER)))
        for view in VIEWS:
            connection.execute(_view_definition(view))
            connection.execute(
                "CALL public.refresh_continuous_aggregate(%s, NULL, NULL)", [view.name]
            )
        for view in VIEWS:
            connection.execute(
                "SELECT public.add_continuous_aggregate_policy(%s, start_offset => '60 days',"
                " end_offset => %s::interval, schedule_interval => %s::interval)",
                [view.name, view.end_offset, view.schedule],
            )
        connection.execute(
            "SELECT public.add_retention_policy('influx_data', %s::interval)", [retention]
        )


@contextmanager
def background_workers_stopped(
    container: DatabaseContainer, dbname: str = DATABASE
) -> Iterator[None]:
    """Keep TimescaleDB's scheduler of *dbname* stopped meanwhile."""
    with container.connect(dbname) as connection:
        connection.execute("SELECT _timescaledb_functions.stop_background_workers()")
        yield
        connection.execute("SELECT _timescaledb_functions.start_background_workers()")


def row_counts(container: DatabaseContainer, dbname: str = DATABASE) -> dict[str, int]:
    """Count the rows of each table and continuous aggregate in schema public."""
    with container.connect(dbname) as connection:
        tables = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relkind IN ('r', 'p') UNION ALL"
            " SELECT view_name FROM timescaledb_information.continuous_aggregates"
        ).fetchall()
        return {name: _count(connection, name) for (name,) in tables}


def indexes(container: DatabaseContainer, dbname: str = DATABASE) -> set[str]:
    """Return the definitions of all indexes outside the system's catalog, chunks' ones included."""
    found = container.rows(
        dbname, "SELECT indexdef FROM pg_indexes WHERE schemaname NOT IN ('pg_catalog', 'pg_toast')"
    )
    return {definition for (definition,) in found}


def chunk_count(container: DatabaseContainer, dbname: str = DATABASE) -> int:
    """Count the chunks of the sample's hypertable."""
    [(count,)] = container.rows(
        dbname,
        "SELECT count(*) FROM timescaledb_information.chunks WHERE hypertable_name = 'influx_data'",
    )
    return int(count)


def _create_database(container: DatabaseContainer, dbname: str) -> None:
    with container.connect() as connection:
        identifier = sql.Identifier(dbname)
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(identifier))
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(identifier))


def _create_extensions(connection: psycopg.Connection) -> tuple[str, ...]:
    available = {
        name
        for (name,) in connection.execute("SELECT name FROM pg_available_extensions").fetchall()
    }
    if connection.execute(
        "SELECT current_setting('cron.database_name', true) IS DISTINCT FROM current_database()"
    ).fetchone() == (True,):
        available.discard("pg_cron")
    wanted = tuple(name for name in EXTENSIONS if name in available)
    for name in wanted:
        connection.execute(
            sql.SQL("CREATE EXTENSION IF NOT EXISTS {} CASCADE").format(sql.Identifier(name))
        )
    return wanted


def _create_roles(connection: psycopg.Connection) -> None:
    # TimescaleDB's jobs run as their owner, who must be allowed to log in.
    for role in (OWNER, READER):
        name = sql.Identifier(role)
        known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
        if known is None:
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(name, role))
    connection.execute(f"GRANT ALL ON SCHEMA public TO {OWNER}")


def _view_definition(view: View) -> sql.Composed:
    """The first view sums the raw rows; the others sum the view below them."""
    raw = view.source == "influx_data"
    return sql.SQL(_VIEW).format(
        name=sql.Identifier(view.name),
        source=sql.Identifier(view.source),
        bucket=sql.Literal(view.bucket),
        time=sql.Identifier("time" if raw else "bucket"),
        value=sql.SQL("sum(value)" if raw else "sum(total)"),
        count=sql.SQL("count(*)" if raw else "sum(samples)"),
    )


def _count(connection: psycopg.Connection, table: str) -> int:
    query = sql.SQL("SELECT count(*) FROM public.{}").format(sql.Identifier(table))
    [(count,)] = connection.execute(query).fetchall()
    return int(count)
