"""What an interrupted run has really left: asked of Docker and PostgreSQL, by oid and run id."""

from __future__ import annotations

from dataclasses import dataclass

from bot.core.bench import Bench
from bot.core.change_plan import ChangePlan
from bot.core.errors import ContainerNotFound, TsbotError
from bot.core.models import DatabaseFacts
from bot.core.past import Past
from bot.core.plan import SPECS, Plan, StepName
from bot.core.steps.database import made_by
from bot.core.steps.pg_restore import application_name
from bot.core.steps.swap_back import KEPT_OID
from bot.core.wording import counted, size


@dataclass(frozen=True, slots=True)
class Survey:
    """What was found.

    Args:
        findings: one sentence each.
        turned: whether the databases have changed places; None where that cannot be known now.
        working: sessions of a pg_restore that outlived the bot.
        asked: whether Docker and PostgreSQL both answered.
    """

    findings: tuple[str, ...]
    turned: bool | None
    working: int = 0
    asked: bool = True


def survey(past: Past, bench: Bench) -> Survey:
    """Look at what is there; what cannot be asked is said, and changes nothing."""
    findings: list[str] = []
    asked = _applications(past.plan, bench, findings)
    try:
        turned, working = _databases(past, bench, findings)
    except TsbotError as error:
        findings.append(f"PostgreSQL cannot be asked: {error}")
        return Survey(tuple(findings), past.turned or None, asked=False)
    return Survey(tuple(findings), turned, working, asked)


def _applications(plan: Plan | ChangePlan, bench: Bench, findings: list[str]) -> bool:
    """Look at those that ran when the run was planned; return whether the engine answered."""
    planned = {container.id for container in plan.applications}
    up, down = [], {container.id: container.name for container in plan.applications}
    for ref in bench.target.applications:
        try:
            found = bench.host.find(ref)
        except ContainerNotFound:
            continue  # of ours it is DOWN, whoever removed it
        except TsbotError as error:
            findings.append(f"Docker cannot be asked: {error}")
            return False
        if found.id in planned and found.running:
            up.append(found.name)
            del down[found.id]
    findings += [f"application {name} is DOWN" for name in down.values()]
    findings += [f"running: {', '.join(up)}"] if up else []
    return True


def _databases(past: Past, bench: Bench, findings: list[str]) -> tuple[bool, int]:
    plan = past.plan
    live = bench.cluster.find_database(plan.target.database)
    turned = has_turned(past, live)
    findings.append(_live(past, live, turned=turned))
    working = 0
    if isinstance(plan, Plan):
        side = bench.cluster.find_database(plan.side)
        if side is not None:
            findings.append(f"the copy {side.name} is there, {size(side.size)}")
        name = application_name(plan)
        working = sum(s.application == name for s in bench.cluster.sessions())
    if working:
        findings.append(f"its pg_restore is still at work, in {counted(working, 'session')}")
    return turned, working


def has_turned(past: Past, live: DatabaseFacts | None) -> bool:
    """Whether the live name now belongs to the database that the run has put there."""
    plan = past.plan
    if not isinstance(plan, Plan):
        swapped = StepName.SWAP_BACK in plan.order and live is not None
        return swapped and str(live.oid if live else "") == plan.subject.get(KEPT_OID)
    if live is None:
        return False
    if plan.live is not None and live.oid == plan.live.oid:
        return False
    side = past.facts.get(StepName.CREATE_DATABASE, {}).get("oid")
    return live.oid == side or live.comment == made_by(plan.run_id, plan.target.database)


def _live(past: Past, live: DatabaseFacts | None, *, turned: bool) -> str:
    name = past.plan.target.database
    if live is None:
        return f"there is no database {name}"
    shut = "" if live.allows_connections else ", and lets NOBODY in"
    if turned:
        return f"{name} is the database this run put there{shut}"
    before = past.plan.live if isinstance(past.plan, Plan) else None
    same = before is None or live.oid == before.oid
    return f"{name} is {'the old database' if same else 'another database'}{shut}"


def in_short(past: Past) -> str:
    """Return in which step the run was when the bot died."""
    step = past.cut_off
    if step is not None:
        return f"in the middle of “{SPECS[step].title}”"
    last = past.begun[-1] if past.begun else StepName.PREFLIGHT
    return f"after “{SPECS[last].title}”"
