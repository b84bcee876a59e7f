"""pg_restore's lines decide: what is not known to be harmless is fatal."""

from __future__ import annotations

import pytest

from bot.core.pg_errors import HARMLESS, Discretion, ErrorCollector, RestoreErrors

PUBLIC = 'pg_restore: error: could not execute query: ERROR:  schema "public" already exists'
TIMEOUT = (
    "pg_restore: error: could not execute query: ERROR:  "
    'unrecognized configuration parameter "transaction_timeout"'
)
PLPGSQL = 'pg_restore: error: could not execute query: ERROR:  extension "plpgsql" already exists'
ROLE = 'pg_restore: error: could not execute query: ERROR:  role "app" does not exist'


def verdict(exit_code: int, *lines: str) -> RestoreErrors:
    collector = ErrorCollector()
    for line in lines:
        collector.take(line)
    return collector.verdict(exit_code)


def test_a_quiet_end_with_code_0_is_no_error() -> None:
    assert verdict(0) == RestoreErrors()


@pytest.mark.parametrize("line", [PUBLIC, TIMEOUT, PLPGSQL])
def test_what_every_new_database_complains_of_is_harmless(line: str) -> None:
    found = verdict(1, line, "pg_restore: warning: errors ignored on restore: 1")
    assert (len(found.harmless), found.fatal) == (1, ())


def test_each_harmless_error_carries_its_reason() -> None:
    assert all(reason for _, reason in HARMLESS)


@pytest.mark.parametrize(
    "line",
    [
        ROLE,
        "pg_restore: error: could not read from input file: end of file",
        "pg_restore: fatal: out of memory",
        "pg_restore: error: COPY failed for table \"x\": ERROR:  disk full",
        "pg_restore: error: a worker process died unexpectedly",
    ],
)  # fmt: skip
def test_an_error_nobody_knows_is_fatal(line: str) -> None:
    assert len(verdict(1, line).fatal) == 1


def test_one_fatal_error_is_not_hidden_among_harmless_ones() -> None:
    found = verdict(1, PUBLIC, ROLE, PLPGSQL)
    assert found.fatal == ('could not execute query: ERROR:  role "app" does not exist',)
    assert len(found.harmless) == 2


def test_a_fatal_line_counts_although_the_exit_code_is_0() -> None:
    assert verdict(0, ROLE).fatal != ()


@pytest.mark.parametrize(
    "line",
    [
        'pg_restore: processing data for table "public.errors"',
        "pg_restore: warning: errors ignored on restore: 3",
        "Command was: ALTER TABLE public.t OWNER TO app;",
        "error: pg_restore: not at the beginning",
        "",
    ],
)
def test_other_lines_are_no_errors(line: str) -> None:
    assert verdict(0, line) == RestoreErrors()


def test_a_failure_without_a_message_is_fatal() -> None:
    assert verdict(1).fatal == ("pg_restore ended with exit code 1 and no message",)


def test_a_killed_pg_restore_is_fatal_although_all_its_errors_were_harmless() -> None:
    assert verdict(137, PUBLIC).fatal == ("pg_restore ended with exit code 137 and no message",)


def shown(*lines: str) -> list[str]:
    discretion = Discretion()
    return [kept for line in lines if (kept := discretion.shown(line))]


def test_rows_that_an_error_quotes_are_not_shown_over_however_many_lines() -> None:
    error = 'pg_restore: error: COPY failed for table "t": ERROR:  duplicate key value'
    after = 'pg_restore: creating INDEX "public.i"'
    assert shown(
        error,
        "DETAIL:  Key (note)=(Kim lives",
        "at 12 Main Street) already exists.",
        "CONTEXT:  COPY t, line 1",
        after,
    ) == [error, after]


def test_a_hint_after_the_rows_is_shown() -> None:
    assert shown("ERROR:  x", "DETAIL:  (1)", "HINT:  y") == ["ERROR:  x", "HINT:  y"]


def test_of_a_command_only_its_beginning_is_shown_and_no_password() -> None:
    kept = shown(
        'pg_restore: error: could not execute query: ERROR:  server "s" does not exist',
        "Command was: CREATE USER MAPPING FOR app SERVER s OPTIONS (",
        "    password 'hunter2',",
        "    \"user\" 'app'",
        ");",
        "",
        "pg_restore: warning: errors ignored on restore: 1",
    )
    assert len(kept) == 3
    assert kept[1].startswith("Command was: CREATE USER MAPPING")
    assert "hunter2" not in "".join(kept)


def test_other_lines_are_shown_as_they_are() -> None:
    lines = ["pg_restore: warning: there are circular constraints", "  indented", "NOTICE:  z"]
    assert shown(*lines) == lines
