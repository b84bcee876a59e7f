"""What a repair would do about what it found: at once, with approval, or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from bot.core.jobs import Job
from bot.core.manifest import USER_JOBS
from bot.core.models import Container, RestoringLayer
from bot.core.plan import StepName
from bot.core.points import overdue
from bot.core.repair_look import Look
from bot.core.server_checks import OTHER_WORKERS, WORKERS
from bot.core.server_setting import ServerSetting
from bot.core.status import THRESHOLDS
from bot.core.worker_ladder import workers_of

SEQUENCE = (
    StepName.REPAIR_ACCESS,
    StepName.REPAIR_RETENTION,
    StepName.REPAIR_RESTORING,
    StepName.REPAIR_WORKERS,
    StepName.START_APPLICATIONS,
    StepName.REPAIR_SETTINGS,
    StepName.REPAIR_LAUNCHER,
    StepName.RESTART,
    StepName.CHECKLIST,
)
"""The order of a repair: what harms nobody, what needs the gate, the proof."""

_ONE_DATABASE = frozenset({"database", "database and role"})
_BY_HAND = frozenset({"command line", "environment variable"})


@dataclass(frozen=True, slots=True)
class Raised:
    """A server setting and what it is raised to; ``written`` where the files say so already."""

    name: str
    old: str
    new: str
    written: bool = False


@dataclass(frozen=True, slots=True)
class Remedies:
    """What is to be done.

    Args:
        open_with: the CONNECTION LIMIT the live database is opened with, None to leave it.
        hold: retention jobs that are paused before the workers wake up, for they would drop rows.
        reset_here: where timescaledb.restoring is reset that concerns this database alone.
        reset_there: the same, where other databases are concerned as well.
        raised: server settings that are too low.
        wake: whether the workers have to be woken.
        start: applications that a run which broke off has left stopped.
        lost: whether this database's workers are missing.
    """

    open_with: int | None = None
    hold: tuple[int, ...] = ()
    reset_here: tuple[RestoringLayer, ...] = ()
    reset_there: tuple[RestoringLayer, ...] = ()
    raised: tuple[Raised, ...] = ()
    wake: bool = False
    start: tuple[Container, ...] = ()
    lost: bool = False

    def steps(self, *, woken: bool) -> frozenset[StepName]:
        """Return the steps this takes.

        Args:
            woken: whether the workers were asked before, in vain where they are still missing.
        """
        changes = bool(self.reset_there or self.raised)
        blocked = any(concerns_workers(layer) for layer in self.reset_there)
        in_vain = woken and self.lost and not changes
        wanted = {
            StepName.REPAIR_ACCESS: self.open_with is not None,
            StepName.REPAIR_RETENTION: bool(self.hold),
            StepName.REPAIR_RESTORING: bool(self.reset_here),
            StepName.REPAIR_WORKERS: self.wake and not blocked,
            StepName.START_APPLICATIONS: bool(self.start),
            StepName.REPAIR_SETTINGS: changes,
            StepName.REPAIR_LAUNCHER: in_vain,
            StepName.RESTART: in_vain or bool(self.raised),
        }
        return frozenset(name for name, needed in wanted.items() if needed)

    def subject(self) -> Mapping[str, str]:
        """Return what approvers vote on: each server setting with what becomes of it."""
        reset = {_key(at): "RESET" for at in self.there()}
        return {**reset, **{r.name: f"{r.old} → {r.new}" for r in self.raised}}

    def within(self, subject: Mapping[str, str]) -> Remedies:
        """Return what of it was approved: no server setting that is not part of the subject."""
        known = self.subject()
        agreed = {key for key, value in known.items() if subject.get(key) == value}
        return replace(
            self,
            reset_there=tuple(at for at in self.reset_there if _key(at) in agreed),
            raised=tuple(r for r in self.raised if r.name in agreed),
        )

    def there(self) -> tuple[RestoringLayer, ...]:
        """Return the layers that need approval, in one order."""
        return tuple(sorted(self.reset_there, key=lambda layer: (layer.where, layer.detail)))


def _key(layer: RestoringLayer) -> str:
    return f"timescaledb.restoring of {layer.where} {layer.detail}"


def remedies(look: Look) -> Remedies:
    """Return what is to be done about what was found."""
    status = look.status
    layers = [layer for layer in status.layers if layer.on]
    out_of_reach = any(by_hand(layer) for layer in layers)
    lost = status.workers is not None and not complete(look)
    on = any(concerns_workers(layer) for layer in layers) or status.restoring not in {None, "off"}
    wake = (lost or on or bool(unscheduled(look))) and not out_of_reach
    due = tuple(number for number, chunks in look.due if chunks != 0)
    return Remedies(
        open_with=_limit(look) if look.shut and look.left.shut else None,
        hold=due if wake else (),
        reset_here=tuple(at for at in layers if at.where in _ONE_DATABASE),
        reset_there=tuple(at for at in layers if at.where not in _ONE_DATABASE and not by_hand(at)),
        raised=tuple(filter(None, (_raised(setting, look) for setting in look.settings))),
        wake=wake,
        start=look.stopped(),
        lost=lost and not out_of_reach,
    )


def _limit(look: Look) -> int:
    return look.limit_before if look.limit == 0 else look.limit


def complete(look: Look) -> bool:
    """Whether this database's workers are there."""
    return workers_of(look.target.database, look.status.workers or ()).complete


def by_hand(layer: RestoringLayer) -> bool:
    """Whether only a person can change it: a file of theirs, or how the server is started."""
    return layer.where == "file" or (layer.where == "system" and ":" not in layer.detail)


def concerns_workers(layer: RestoringLayer) -> bool:
    """Whether it keeps the scheduler from starting, and not only a role's own sessions."""
    one_role = layer.where in {"role", "database and role"} and layer.detail != "all roles"
    return layer.on and not one_role


def unscheduled(look: Look) -> tuple[Job, ...]:
    """Return the armed jobs that nobody schedules."""
    ours = (j for j in look.status.jobs or () if j.id >= USER_JOBS and j.scheduled)
    return tuple(j for j in ours if overdue(j, look.at) or (j.next_start is None and not j.running))


def fixed(setting: ServerSetting) -> bool:
    """Whether ALTER SYSTEM would not reach a setting."""
    return setting.source in _BY_HAND


def too_low(setting: ServerSetting) -> bool:
    """Whether a setting is below what the restore procedure asks for."""
    return setting.value.isdigit() and int(setting.value) < THRESHOLDS[setting.name]


def _raised(setting: ServerSetting, look: Look) -> Raised | None:
    if not too_low(setting) or fixed(setting):
        return None
    least = wanted(setting, look)
    if setting.configured.isdigit() and int(setting.configured) >= THRESHOLDS[setting.name]:
        return Raised(setting.name, setting.value, setting.configured, written=True)
    return Raised(setting.name, setting.value, str(least))


def wanted(setting: ServerSetting, look: Look) -> int:
    """Return what a setting has to be: max_worker_processes must cover TimescaleDB's workers,
    PostgreSQL's parallel ones and three more."""
    least = THRESHOLDS[setting.name]
    if setting.name == WORKERS[0]:
        return least
    own = next((int(s.value) for s in look.settings if s.name == WORKERS[0]), least)
    return max(least, OTHER_WORKERS + max(own, THRESHOLDS[WORKERS[0]]) + look.parallel)
