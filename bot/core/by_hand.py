"""What a person types to clear up after a run that nobody else can: exact commands, in order."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from bot.core.models import Target
from bot.core.plan import Plan, StepName

_SESSIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = "
_LOOK = (
    "SELECT oid, datname, datallowconn, shobj_description(oid, 'pg_database') "
    "FROM pg_database ORDER BY 2"
)
_WAKE = "SELECT _timescaledb_functions.restart_background_workers()"
_MAINTENANCE = "postgres"


@dataclass(frozen=True, slots=True)
class Chore:
    """One thing to do.

    Args:
        what: in words.
        command: SQL, or a shell's line where ``database`` is empty.
        database: where the SQL is typed.
    """

    what: str
    command: str
    database: str = ""

    def line(self, container: str, target: Target) -> str:
        """Return what to type in a shell on the engine's host."""
        if not self.database:
            return self.command
        user = ("-u", target.exec_user)
        psql = ("psql", "-X", "-U", target.superuser, "-d", self.database, "-c", self.command)
        return shlex.join(("docker", "exec", *user, container, *psql))


def chores(
    plan: Plan, left: Collection[StepName], *, turned: bool | None, paused: Sequence[int] = ()
) -> Iterator[Chore]:
    """Yield what to do, the applications first wherever the old database still serves.

    Args:
        plan: of the run.
        left: its steps that still stand.
        turned: whether the databases have changed places, None where that has to be looked up.
        paused: jobs that the run has paused, retention left out.
    """
    down = shlex.join(a.name for a in plan.applications)
    is_down = bool(down) and StepName.STOP_APPLICATIONS in left
    start = Chore("the applications may be DOWN", f"docker start {down}")
    if is_down and turned is False:
        yield start
    if StepName.PG_RESTORE in left:
        yield Chore("end pg_restore", f"{_SESSIONS}'tsbot-restore-{plan.run_id}'", _MAINTENANCE)
    if turned is None:
        yield Chore("look which database is which", _LOOK, _MAINTENANCE)
    if turned:
        yield from _afterwards(plan, left, paused)
    else:
        yield from _opened(plan, left)
    if turned is False and StepName.CREATE_DATABASE in left:
        drop = f"DROP DATABASE IF EXISTS {_quoted(plan.side)} WITH (FORCE)"
        yield Chore("remove the half-restored one", drop, _MAINTENANCE)
    if is_down and turned is not False:
        yield start


def _opened(plan: Plan, left: Collection[StepName]) -> Iterator[Chore]:
    """Yield what lets clients in; harmless where the databases have changed places after all."""
    if StepName.CUT_OVER in left and plan.replaced is not None:
        live = _quoted(plan.target.database)
        yield Chore(
            "let clients in again", f"ALTER DATABASE {live} ALLOW_CONNECTIONS true", _MAINTENANCE
        )
        yield Chore("wake its workers", _WAKE, plan.target.database)


def _afterwards(plan: Plan, left: Collection[StepName], paused: Sequence[int]) -> Iterator[Chore]:
    live = plan.target.database
    if paused and StepName.RESTORING_OFF in left:
        # _timescaledb_catalog where _timescaledb_config has no such table
        numbers = ", ".join(map(str, paused))
        arm = f"UPDATE _timescaledb_config.bgw_job SET scheduled = true WHERE id IN ({numbers})"  # noqa: S608
        yield Chore("arm the jobs that this run paused, retention left out", arm, live)
    yield Chore("wake the workers", _WAKE, live)


def _quoted(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"'
