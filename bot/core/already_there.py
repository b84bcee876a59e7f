"""What preflight finds as it is and approvers should know: stopped applications, work left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bot.core.models import Check, Container, Session, Verdict
from bot.core.plan import side_name

SESSION = "tsbot-restore-"
"""How the application_name of every run's pg_restore begins."""


def applications_check(found: Mapping[str, Container | None]) -> Check:
    """Look at the applications of the settings.

    One that is down stays down: a restore starts what it has stopped itself. After an interrupted
    run that is all of them.

    Args:
        found: by the name in the settings, None where there is no such container.
    """
    name = "application containers"
    missing = [ref for ref, container in found.items() if container is None]
    if missing:
        evidence = f"missing: {', '.join(missing)}"
        return Check(name, Verdict.FAILED, evidence, "correct `applications`, or create them")
    fleeting = [c.name for c in found.values() if c is not None and c.removes_itself]
    if fleeting:
        evidence = f"gone for good once stopped: {', '.join(fleeting)}"
        return Check(name, Verdict.FAILED, evidence, "create them anew without --rm")
    down = [c.name for c in found.values() if c is not None and not c.running]
    if down:
        evidence = f"not running, and not started by this run: {', '.join(down)}"
        return Check(name, Verdict.WARNING, evidence, "start them before, where they should run")
    return Check(name, Verdict.OK, "all there")


def leftover_check(sessions: Iterable[Session], live: str) -> Check:
    """Look for a pg_restore that an interrupted run of this target has left at work.

    One in another database is another target's and may be alive: nobody must be told to end it.

    Args:
        sessions: of the whole server.
        live: the name of the target's live database.
    """
    name = "pg_restore of other runs"
    ours = [s for s in sessions if _is_of(live, s)]
    if not ours:
        return Check(name, Verdict.OK, "none at work")
    where = ", ".join(sorted({f"{s.application} in {s.database}" for s in ours}))
    remedy = "end it with pg_terminate_backend(), then drop its database"
    return Check(name, Verdict.WARNING, f"a pg_restore still runs: {where}", remedy)


def _is_of(live: str, session: Session) -> bool:
    """Whether a session is a pg_restore's, in the side database of its own run and this target."""
    run_id = session.application.removeprefix(SESSION)
    return run_id != session.application and session.database == side_name(live, run_id)
