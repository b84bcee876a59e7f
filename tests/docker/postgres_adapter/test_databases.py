"""Creating, renaming, opening, shutting and dropping databases, and what is carried over."""

import secrets

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from bot.adapters.postgres import PostgresCluster
from bot.core.database_settings import DatabaseSettings
from bot.core.errors import DatabaseRefused, DatabaseUnavailable
from tests.docker.containers import DatabaseContainer


def carry(cluster: PostgresCluster, source: str, destination: str) -> None:
    settings = cluster.database_settings(source)
    assert settings is not None
    cluster.apply_settings(destination, settings)


def facts_of_settings(container: DatabaseContainer, database: str) -> tuple[object, ...]:
    [(acl, limit)] = container.rows(
        "postgres",
        "SELECT datacl::text, datconnlimit FROM pg_database WHERE datname = %s",
        [database],
    )
    stored = container.rows(
        "postgres",
        "SELECT setrole, setconfig FROM pg_db_role_setting s JOIN pg_database d"
        " ON d.oid = s.setdatabase WHERE datname = %s ORDER BY setrole",
        [database],
    )
    return acl, limit, stored


def test_a_new_database_is_like_the_old_one(
    cluster: PostgresCluster, shared_database: DatabaseContainer, side: str, role: str
) -> None:
    old = f"old_{secrets.token_hex(4)}"
    with shared_database.connect() as connection:
        connection.execute(
            sql.SQL(
                "CREATE DATABASE {} TEMPLATE template0 OWNER {} ENCODING 'LATIN1' LOCALE 'C'"
            ).format(sql.Identifier(old), sql.Identifier(role))
        )
    try:
        like = cluster.find_database(old)
        made = cluster.create_database(side, like, "run it's 1")
        assert like is not None
        assert (made.owner, made.encoding) == ("postgres", "LATIN1")
        assert (made.collate, made.ctype) == ("C", "C")
        assert (made.locale_provider, made.tablespace) == ("libc", "pg_default")
        assert (made.name, made.comment, made.allows_connections) == (side, "run it's 1", True)
        assert made.size > 0
        cluster.drop_database(side)
    finally:
        cluster.drop_database(old)


@pytest.mark.parametrize(("provider", "locale"), [("builtin", "C.UTF-8"), ("icu", "und")])
def test_a_new_database_has_the_old_ones_locale_provider(
    cluster: PostgresCluster,
    shared_database: DatabaseContainer,
    side: str,
    provider: str,
    locale: str,
) -> None:
    old = f"old_{secrets.token_hex(4)}"
    with shared_database.connect() as connection:
        connection.execute(
            sql.SQL(
                "CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'"
                " LOCALE_PROVIDER {} {} {}"
            ).format(
                sql.Identifier(old),
                sql.Identifier(provider),
                sql.SQL(f"{provider.upper()}_LOCALE"),
                sql.Literal(locale),
            )
        )
    try:
        made = cluster.create_database(side, cluster.find_database(old), "")
        assert (made.locale_provider, made.locale) == (provider, locale)
    finally:
        cluster.drop_database(old)


def test_only_superusers_enter_a_new_database_before_settings_are_carried_over(
    cluster: PostgresCluster, shared_database: DatabaseContainer, side: str, role: str
) -> None:
    with shared_database.connect() as connection:
        login = sql.SQL("ALTER ROLE {} LOGIN PASSWORD 'their-own'")
        connection.execute(login.format(sql.Identifier(role)))
    theirs = make_conninfo(shared_database.dsn(), user=role, password="their-own", dbname=side)
    cluster.create_database(side, None, "")
    with pytest.raises(psycopg.OperationalError, match="too many connections for database"):
        psycopg.connect(theirs)
    assert cluster.database(side).extensions()
    assert cluster.database_settings("there_was_none_before") is None
    cluster.apply_settings(side, DatabaseSettings())
    psycopg.connect(theirs).close()


def test_not_even_the_owner_of_the_old_database_enters_the_new_one_before_that(
    cluster: PostgresCluster,
    shared_database: DatabaseContainer,
    scratch_database: str,
    side: str,
    role: str,
) -> None:
    names = {"db": sql.Identifier(scratch_database), "role": sql.Identifier(role)}
    with shared_database.connect() as connection:
        connection.execute(sql.SQL("ALTER DATABASE {db} OWNER TO {role}").format(**names))
        connection.execute(sql.SQL("ALTER ROLE {role} LOGIN PASSWORD 'their-own'").format(**names))
    theirs = make_conninfo(shared_database.dsn(), user=role, password="their-own")
    cluster.create_database(side, cluster.find_database(scratch_database), "")
    with (
        psycopg.connect(theirs, autocommit=True) as owner,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        owner.execute(sql.SQL("ALTER DATABASE {} CONNECTION LIMIT -1").format(sql.Identifier(side)))
    with pytest.raises(psycopg.OperationalError, match="too many connections for database"):
        psycopg.connect(make_conninfo(theirs, dbname=side))
    carry(cluster, scratch_database, side)
    made = cluster.find_database(side)
    assert made is not None
    assert made.owner == role
    psycopg.connect(make_conninfo(theirs, dbname=side)).close()
    cluster.drop_database(side)
    cluster.drop_database(scratch_database)


def test_a_database_comes_without_what_template1_holds(cluster: PostgresCluster, side: str) -> None:
    cluster.create_database(side, None, "")
    assert set(cluster.database(side).extensions()) == {"plpgsql"}


def test_a_name_that_postgresql_would_cut_is_refused(
    cluster: PostgresCluster, scratch_database: str
) -> None:
    with pytest.raises(DatabaseRefused, match="63 bytes"):
        cluster.create_database("ä" * 32, None, "")
    with pytest.raises(DatabaseRefused, match="63 bytes"):
        cluster.rename((scratch_database, "x" * 64))
    assert cluster.find_database(scratch_database) is not None


def test_a_database_is_found_by_its_oid_after_a_rename(
    cluster: PostgresCluster, scratch_database: str, side: str
) -> None:
    before = cluster.find_database(scratch_database)
    assert before is not None
    cluster.rename((scratch_database, side))
    after = cluster.database_by_oid(before.oid)
    assert after is not None
    assert after.name == side
    assert cluster.find_database(scratch_database) is None
    assert cluster.database_by_oid(4_000_000_000) is None


def test_two_databases_change_places_in_one_transaction(
    cluster: PostgresCluster, scratch_database: str, side: str
) -> None:
    new = cluster.create_database(side, None, "")
    aside = f"aside_{secrets.token_hex(4)}"
    try:
        cluster.rename((scratch_database, aside), (side, scratch_database))
        found = cluster.find_database(scratch_database)
        assert found is not None
        assert found.oid == new.oid
    finally:
        cluster.drop_database(aside)


def test_no_database_is_renamed_where_one_cannot_be(
    cluster: PostgresCluster, scratch_database: str, side: str
) -> None:
    with pytest.raises(DatabaseRefused) as raised:
        cluster.rename((scratch_database, side), ("no_such_database", "whatever"))
    assert raised.value.sqlstate == "3D000"
    assert cluster.find_database(scratch_database) is not None
    assert cluster.find_database(side) is None


def test_a_shut_database_refuses_even_us_until_it_is_opened(
    cluster: PostgresCluster, scratch_database: str
) -> None:
    cluster.allow_connections(scratch_database, False)
    with pytest.raises(DatabaseUnavailable, match="not currently accepting connections"):
        cluster.database(scratch_database).extensions()
    cluster.allow_connections(scratch_database, True)
    assert cluster.database(scratch_database).extensions()


def test_dropping_ends_sessions_and_dropping_nothing_is_quiet(
    cluster: PostgresCluster, shared_database: DatabaseContainer, side: str
) -> None:
    cluster.create_database(side, None, "")
    with shared_database.connect(side) as connection:
        cluster.drop_database(side)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    assert cluster.find_database(side) is None
    cluster.drop_database(side)


def test_grants_limit_and_settings_are_carried_over_but_not_restoring(
    cluster: PostgresCluster,
    shared_database: DatabaseContainer,
    scratch_database: str,
    side: str,
    role: str,
) -> None:
    names = {"db": sql.Identifier(scratch_database), "role": sql.Identifier(role)}
    with shared_database.connect() as connection:
        for statement in (
            'ALTER DATABASE {db} SET search_path TO "$user", "a, b", public',
            "ALTER DATABASE {db} SET \"my.app\" TO 'a=b; it''s'",
            "ALTER DATABASE {db} SET TimeZone TO 'Asia/Seoul'",
            "ALTER DATABASE {db} SET temp_tablespaces TO ''",
            "ALTER ROLE {role} IN DATABASE {db} SET work_mem TO '7MB'",
            "ALTER DATABASE {db} CONNECTION LIMIT 77",
            "REVOKE CONNECT ON DATABASE {db} FROM PUBLIC",
            "GRANT CONNECT, TEMPORARY ON DATABASE {db} TO {role} WITH GRANT OPTION",
        ):
            connection.execute(sql.SQL(statement).format(**names))
        wanted = facts_of_settings(shared_database, scratch_database)
        connection.execute(
            sql.SQL("ALTER DATABASE {db} SET timescaledb.restoring TO 'on'").format(**names)
        )
    cluster.create_database(side, cluster.find_database(scratch_database), "")
    carry(cluster, scratch_database, side)
    assert facts_of_settings(shared_database, side) == wanted
    cluster.drop_database(side)
    cluster.drop_database(scratch_database)


def test_a_database_without_grants_of_its_own_gives_none(
    cluster: PostgresCluster,
    shared_database: DatabaseContainer,
    scratch_database: str,
    side: str,
) -> None:
    cluster.create_database(side, None, "")
    carry(cluster, scratch_database, side)
    assert facts_of_settings(shared_database, side) == (None, -1, [])
