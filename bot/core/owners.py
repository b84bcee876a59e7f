"""Owners of jobs: a job runs as its owner, who must log in and own what the job works on.

A dump restores without an error where that is not so, and then every such job fails.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from bot.core.manifest import DumpedJob, Manifest
from bot.core.models import Check, JobOwners, Ownership, Target, Verdict
from bot.core.ports import Cluster
from bot.core.roles import Role
from bot.core.toc import Toc
from bot.core.wording import counted

_NAME = "owners of jobs"
_SHOWN = 5
_KINDS = frozenset({"TABLE", "VIEW", "MATERIALIZED VIEW"})


@dataclass(frozen=True, slots=True)
class Misfit:
    """A job whose owner could not do its work.

    Args:
        job: the job.
        reason: why, without naming the job.
        heir: the role that could: the owner of the job's object, empty where nobody could.
    """

    job: DumpedJob
    reason: str
    heir: str = ""

    @property
    def told(self) -> str:
        """One clause for people."""
        return f"job {self.job.id} ({self.job.procedure}): {self.reason}"


def misfits(
    jobs: Iterable[DumpedJob], owners: Mapping[str, str], roles: Mapping[str, Role]
) -> Iterator[Misfit]:
    """Yield the jobs that would fail as their owner.

    Args:
        jobs: those of the dump.
        owners: who will own what, by ``schema.name``.
        roles: of the server, at least those that own a job or its object.
    """
    for job in jobs:
        role, holder = roles.get(job.owner), owners.get(job.relation, "")
        if role is None:
            yield Misfit(job, f"its owner {job.owner or '(none)'} does not exist")
            continue
        heir = holder if holder in roles and roles[holder].can_login else ""
        if not role.can_login:
            yield Misfit(job, f"its owner {job.owner} may not log in", heir)
        elif holder and not (role.superuser or holder in role.acts_as):
            reason = f"its owner {job.owner} does not own {job.relation}, {holder} does"
            yield Misfit(job, reason, heir)


def owners_after(toc: Toc, target: Target) -> dict[str, str]:
    """Return who will own the tables and views of a dump once it is restored."""
    everything = target.superuser if target.ownership is Ownership.GUIDE else ""
    return {f"{e.schema}.{e.name}": everything or e.owner for e in toc.entries if e.kind in _KINDS}


def concerned(manifest: Manifest, owners: Mapping[str, str]) -> frozenset[str]:
    """Return the roles that matter to the dump's jobs."""
    holders = {owners.get(job.relation, "") for job in manifest.jobs}
    return frozenset({job.owner for job in manifest.jobs} | holders) - {""}


def check_job_owners(target: Target, toc: Toc, manifest: Manifest, cluster: Cluster) -> Check:
    """Return the check of preflight, before anything is restored."""
    owners = owners_after(toc, target)
    roles = cluster.roles_among(concerned(manifest, owners))
    return judged(misfits(manifest.jobs, owners, roles), len(manifest.jobs), target.job_owners)


def judged(found: Iterable[Misfit], number: int, setting: JobOwners) -> Check:
    """Return the check for the jobs that would fail.

    Args:
        found: the jobs that would fail.
        number: how many jobs the dump holds.
        setting: what is done about them.
    """
    wrong = tuple(found)
    if not wrong:
        jobs = counted(number, "job")
        return Check(_NAME, Verdict.OK, f"the owners of {jobs} may log in and own their objects")
    lost = [m for m in wrong if not m.heir]
    if setting is JobOwners.REPAIR and not lost:
        told = [f"{m.told}; it is given to {m.heir}" for m in wrong]
        return Check(_NAME, Verdict.WARNING, _list(told), "their work runs as the new owner")
    remedy = (
        "create the roles, or let them log in"
        if setting is JobOwners.REPAIR
        else 'mend the owners in the source, or set job_owners = "repair"'
    )
    shown = lost if setting is JobOwners.REPAIR else wrong
    return Check(_NAME, Verdict.FAILED, _list([m.told for m in shown]), remedy)


def _list(clauses: list[str]) -> str:
    more = f", and {len(clauses) - _SHOWN} more" if len(clauses) > _SHOWN else ""
    return ", ".join(clauses[:_SHOWN]) + more
