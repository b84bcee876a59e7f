"""Sessions: how they are opened, what they are set to, and psycopg's errors in our own words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias
from urllib.parse import quote

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow

from bot.core.errors import DatabaseRefused, DatabaseUnavailable, SettingsInvalid, TsbotError

Connection: TypeAlias = psycopg.Connection[TupleRow]

STATUS_TIMEOUT = 5.0
"""Seconds a query may take whose answer somebody is waiting for."""

LOCK_TIMEOUT = 10.0
"""Seconds to wait for a lock that others may hold, such as on a database being renamed."""

SAFE_PATH = "pg_catalog,pg_temp"
"""No schema that others can write to, so that nobody's function shadows one of ours."""

# A database or role may have set any of these otherwise; what a client sends wins over both.
_FIXED = {
    "TimeZone": "UTC",
    "DateStyle": "ISO",
    "IntervalStyle": "postgres",
    "default_transaction_read_only": "off",
    "idle_session_timeout": "0",
    # A host that lost its power would keep its locks for hours; over a Unix socket these do nothing
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}

_KEEPALIVES = {
    "keepalives": "1",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
}

# 08: connection exceptions; 57P01-57P03: shut down, crashed, starting up; 57P05: idle for too long.
_GONE = ("08", "57P01", "57P02", "57P03", "57P05")


class Connector:
    """Opens sessions on one server, each with the same safe settings.

    Args:
        dsn: a URL or ``key=value`` pairs; may hold a password, which no message repeats.
        connect_timeout: seconds for each address the host resolves to.
        application_name: what pg_stat_activity shows.

    Raises:
        SettingsInvalid: the DSN cannot be parsed.
    """

    def __init__(self, dsn: str, connect_timeout: float, application_name: str) -> None:
        try:
            self._parameters = conninfo_to_dict(dsn)
        except psycopg.Error:
            # libpq's own words would quote the DSN, and the password in it.
            raise SettingsInvalid(
                "the database's DSN cannot be parsed: write "
                "postgresql://user:password@host:port/database, special characters %-encoded"
            ) from None
        self._parameters |= {
            **_KEEPALIVES,
            "client_encoding": "utf8",
            "connect_timeout": max(2, round(connect_timeout)),
        }
        self._application_name = application_name

    @contextmanager
    def session(
        self,
        database: str | None = None,
        *,
        statement_timeout: float = 0,
        lock_timeout: float = 0,
        search_path: str = SAFE_PATH,
        application_name: str | None = None,
    ) -> Iterator[Connection]:
        """Open a session in autocommit and close it at the end.

        Nothing is sent before the caller's first statement: ALTER EXTENSION timescaledb UPDATE has
        to be a session's first.

        Args:
            database: its name, the maintenance database where None.
            statement_timeout: seconds, 0 for none.
            lock_timeout: seconds, 0 for none.
            search_path: comma-separated schemas, without blanks.
            application_name: another than the usual.

        Raises:
            DatabaseUnavailable: no connection, or it was lost.
            DatabaseRefused: PostgreSQL answered with an error.
        """
        settings = {
            **_FIXED,
            "search_path": search_path,
            "statement_timeout": str(round(statement_timeout * 1000)),
            "lock_timeout": str(round(lock_timeout * 1000)),
        }
        connection = self._connect(database, settings, application_name)
        try:
            yield connection
        except psycopg.Error as error:
            raise self._translated(error, lost=connection.broken) from None
        finally:
            connection.close()

    def _connect(
        self, database: str | None, settings: dict[str, str], application_name: str | None
    ) -> Connection:
        given = str(self._parameters.get("options") or "")
        ours = " ".join(f"-c {name}={value}" for name, value in settings.items())
        parameters = self._parameters | {
            "options": f"{given} {ours}".strip(),
            "application_name": application_name or self._application_name,
        }
        if database is not None:
            parameters["dbname"] = database
        try:
            return psycopg.connect(make_conninfo("", **parameters), autocommit=True)
        except psycopg.Error as error:
            raise self._translated(error, lost=True) from None

    def _translated(self, error: psycopg.Error, *, lost: bool) -> TsbotError:
        primary = error.diag.message_primary or str(error) or type(error).__name__
        sentence = self._without_password(" ".join(primary.split()))
        sqlstate = error.sqlstate or ""
        nameless = isinstance(error, psycopg.OperationalError) and not sqlstate
        if lost or nameless or sqlstate.startswith(_GONE):
            return DatabaseUnavailable(sentence)
        return DatabaseRefused(sentence, sqlstate)

    def _without_password(self, text: str) -> str:
        password = str(self._parameters.get("password") or "")
        for secret in {password, quote(password, safe="")} - {""}:
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "***", text)
        return text
