"""Which server this is, and how its sessions and errors reach the core."""

import psycopg
import pytest
from psycopg import sql

from bot.adapters.postgres import PostgresCluster
from bot.adapters.postgres.connection import Connector
from bot.core.errors import DatabaseRefused, DatabaseUnavailable
from tests.docker.containers import DatabaseContainer

CHECK_VIOLATION = "23514"


def test_the_server_identifies_itself(
    cluster: PostgresCluster, shared_database: DatabaseContainer
) -> None:
    [(system,)] = shared_database.rows(
        "postgres", "SELECT system_identifier::text FROM pg_control_system()"
    )
    identity = cluster.identity()
    assert identity.system_identifier == system
    assert identity.version_num >= 140000
    assert identity.version.startswith(str(identity.version_num // 10000))
    assert (identity.user, identity.superuser) == ("postgres", True)
    assert not identity.in_recovery
    assert not identity.pooled


def test_somebody_who_is_no_superuser_is_told_apart(
    cluster: PostgresCluster, shared_database: DatabaseContainer, role: str
) -> None:
    with shared_database.connect() as connection:
        password = sql.Literal(shared_database.password)
        connection.execute(
            sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), password)
        )
    ordinary = PostgresCluster(shared_database.dsn(user=role))
    assert not ordinary.identity().superuser
    with pytest.raises(DatabaseRefused) as raised:
        ordinary.checkpoint()
    assert raised.value.sqlstate == "42501"
    assert role in cluster.roles()


def test_a_setting_is_read_and_an_unknown_one_is_none(cluster: PostgresCluster) -> None:
    assert int(cluster.setting("max_worker_processes") or 0) > 0
    assert cluster.setting("tsbot.no_such_setting") is None


def test_the_image_names_the_extensions_it_ships(cluster: PostgresCluster) -> None:
    available = cluster.available_extensions()
    assert available["timescaledb"]
    assert "1.0" in available["plpgsql"]


def test_a_wrong_password_is_unavailable_and_not_repeated(
    shared_database: DatabaseContainer,
) -> None:
    wrong = shared_database.dsn().replace(shared_database.password, "no-such-secret")
    with pytest.raises(DatabaseUnavailable, match="authentication failed") as raised:
        PostgresCluster(wrong).identity()
    assert "no-such-secret" not in str(raised.value)


def test_a_session_that_is_ended_is_unavailable_and_not_refused(
    cluster: PostgresCluster, shared_database: DatabaseContainer, scratch_database: str
) -> None:
    session = Connector(shared_database.dsn(scratch_database), 5, "doomed").session()
    connection = session.__enter__()
    assert cluster.terminate(scratch_database) == 1
    with pytest.raises(psycopg.OperationalError) as ended:
        connection.execute("SELECT 1")
    with pytest.raises(DatabaseUnavailable, match="terminating connection"):
        session.__exit__(type(ended.value), ended.value, None)


def test_an_error_keeps_row_data_to_itself(
    shared_database: DatabaseContainer, scratch_database: str
) -> None:
    with shared_database.connect(scratch_database) as connection:
        connection.execute("CREATE TABLE t (secret text CHECK (secret = ''))")
    connector = Connector(shared_database.dsn(scratch_database), 5, "tsbot")
    with pytest.raises(DatabaseRefused) as raised:
        insert_into_t(connector, "row data")
    assert raised.value.sqlstate == CHECK_VIOLATION
    assert "row data" not in str(raised.value)
    assert raised.value.__suppress_context__


def insert_into_t(connector: Connector, value: str) -> None:
    with connector.session() as connection:
        connection.execute("INSERT INTO public.t VALUES (%s)", [value])


def test_settings_of_the_database_do_not_reach_our_sessions(
    cluster: PostgresCluster, shared_database: DatabaseContainer, scratch_database: str
) -> None:
    with shared_database.connect() as connection:
        for setting in (
            "datestyle TO 'SQL, DMY'",
            "search_path TO public",
            "default_transaction_read_only TO on",
            "statement_timeout TO 1",
        ):
            statement = sql.SQL("ALTER DATABASE {} SET {}")
            connection.execute(statement.format(sql.Identifier(scratch_database), sql.SQL(setting)))
    database = cluster.database(scratch_database)
    database.create_extension("pg_trgm")
    database.analyze()
    assert "pg_trgm" in database.extensions()


def test_a_function_of_the_database_never_shadows_one_that_our_sessions_call(
    shared_database: DatabaseContainer, scratch_database: str
) -> None:
    name = sql.Identifier(scratch_database)
    with shared_database.connect() as connection:
        setting = sql.SQL("ALTER DATABASE {} SET search_path TO public, pg_catalog")
        connection.execute(setting.format(name))
    with shared_database.connect(scratch_database) as connection:
        connection.execute(
            "CREATE FUNCTION public.lower(text) RETURNS text LANGUAGE sql AS 'SELECT ''shadowed'''"
        )
        assert connection.execute("SELECT lower('A'::text)").fetchone() == ("shadowed",)
    connector = Connector(shared_database.dsn(), 5, "tsbot-tests")
    with connector.session(scratch_database) as session:
        assert session.execute("SELECT lower('A'::text)").fetchone() == ("a",)
