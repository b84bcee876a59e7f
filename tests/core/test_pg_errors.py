"""pg_restore's lines decide: what is not known to be harmless is fatal."""

from __future__ import annotations

import pytest

from bot.core.pg_errors import KNOWN, Discretion, ErrorCollector, RestoreErrors, Severity

PUBLIC = 'pg_restore: error: could not execute query: ERROR:  schema "public" already exists'
TIMEOUT = (
    "pg_restore: error: could not execute query: ERROR:  "
    'unrecognized configuration parameter "transaction_timeout"'
)
PLPGSQL = 'pg_restore: error: could not execute query: ERROR:  extension "plpgsql" already exists'
ROLE = 'pg_restore: error: could not execute query: ERROR:  role "app" does not exist'
# As pg_restore 17.11 printed them; tests/docker/test_restore_errors.py has it print them again.
GRANT = (
    ROLE,
    "Command was: GRANT SELECT ON TABLE public.granted TO kept_reader;",
    "GRANT SELECT ON TABLE public.granted TO app;",
    "",
    "",
)
OWNER = (ROLE, "Command was: ALTER TABLE public.owned OWNER TO app;")
REFRESH = (
    'pg_restore: error: could not execute query: ERROR:  relation "limits" does not exist',
    "LINE 1: (SELECT top FROM limits)",
    "                         ^",
    "QUERY:  (SELECT top FROM limits)",
    "CONTEXT:  PL/pgSQL function public.top() line 1 at RETURN",
    "Command was: REFRESH MATERIALIZED VIEW public.tops;",
)
SPACE = (
    "pg_restore: error: could not set default_tablespace to lost_space: ERROR:  invalid value for "
    'parameter "default_tablespace": "lost_space"',
    'DETAIL:  Tablespace "lost_space" does not exist.',
)


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


def test_each_known_error_carries_its_reason_and_each_repairable_one_its_remedy() -> None:
    assert {known.severity for known in KNOWN} == set(Severity)
    assert all(known.reason for known in KNOWN)
    assert all(known.remedy for known in KNOWN if known.severity is Severity.REPAIRABLE)


def test_a_grant_to_a_missing_role_is_repaired_by_restoring_access_lists_again() -> None:
    found = verdict(1, *GRANT, "pg_restore: warning: errors ignored on restore: 1")
    assert (found.harmless, found.fatal) == ((), ())
    [repair] = found.repairable
    assert repair.again == "(DEFAULT )?ACL"
    assert repair.remedy.startswith('CREATE ROLE "app"; then')


def test_what_is_missing_on_every_chunk_is_said_once_and_counted() -> None:
    [repair] = verdict(1, *GRANT, *GRANT, *GRANT).repairable
    assert repair.times == 3


def test_an_owner_that_is_missing_is_fatal() -> None:
    [fatal] = verdict(1, *OWNER).fatal
    assert "would belong to the restoring superuser" in fatal
    assert verdict(1, *OWNER).repairable == ()


def test_a_view_that_cannot_be_refreshed_is_repaired_by_refreshing_it() -> None:
    [repair] = verdict(1, *REFRESH).repairable
    assert repair.remedy.endswith("then: REFRESH MATERIALIZED VIEW public.tops;")
    assert verdict(1, REFRESH[0], "Command was: ALTER TABLE x;").fatal != ()


def test_objects_in_another_tablespace_are_repairable() -> None:
    [repair] = verdict(1, *SPACE).repairable
    assert 'SET TABLESPACE "lost_space"' in repair.remedy


def test_a_full_disk_is_fatal_also_while_a_view_is_refreshed() -> None:
    full = (
        "pg_restore: error: could not execute query: ERROR:  could not extend file: "
        "No space left on device"
    )
    found = verdict(1, full, *REFRESH[5:])
    assert found.repairable == ()
    assert "the server's disk is full" in found.fatal[0]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("could not read from input file: end of file", "cannot be read to its end"),
        ("unsupported version (1.99) in file header", "a newer pg_dump"),
        (
            "could not execute query: FATAL:  terminating connection due to administrator command",
            "the session was ended",
        ),
        ('COPY failed for table "limited": ERROR:  x', "rows of the table are missing"),
    ],
)
def test_a_fatal_error_that_is_known_says_its_reason(message: str, reason: str) -> None:
    [fatal] = verdict(1, f"pg_restore: error: {message}").fatal
    assert fatal.startswith(message)
    assert reason in fatal


def test_a_line_that_two_processes_wrote_at_once_is_an_error_still() -> None:
    torn = "pg_restore:pg_restore:  error: " + PUBLIC.partition("error: ")[2]
    assert len(verdict(1, torn).harmless) == 1
    pieces = ("pg_restore: error: finished item 5 TABLE x", PUBLIC.partition("error: ")[2])
    assert verdict(1, *pieces) == verdict(1, PUBLIC)


def test_an_error_that_pg_restore_counts_and_no_line_names_is_fatal() -> None:
    found = verdict(1, PUBLIC, "pg_restore: warning: errors ignored on restore: 2")
    assert found.fatal == ("pg_restore ignored 2 errors and named 1",)


def test_what_several_calls_complained_of_is_kept_together() -> None:
    both = verdict(1, PUBLIC) + verdict(1, *GRANT) + verdict(1, "pg_restore: error: x")
    assert [len(found) for found in (both.harmless, both.repairable, both.fatal)] == [1, 1, 1]


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
    unknown = "pg_restore: error: could not execute query: ERROR:  what is this"
    found = verdict(1, PUBLIC, unknown, PLPGSQL)
    assert found.fatal == (
        "could not execute query: ERROR:  what is this: nobody knows what it means for the data",
    )
    assert len(found.harmless) == 2


def test_a_fatal_line_counts_although_the_exit_code_is_0() -> None:
    assert verdict(0, ROLE).fatal != ()


@pytest.mark.parametrize(
    "line",
    [
        'pg_restore: processing data for table "public.errors"',
        "pg_restore: warning: restoring tables WITH OIDS is not supported",
        "Command was: ALTER TABLE public.t OWNER TO app;",
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
