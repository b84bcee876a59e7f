"""Jobs whose owner could not do their work are found before, and refused or given away."""

from __future__ import annotations

from bot.core.manifest import DumpedJob
from bot.core.models import ContainerRef, JobOwners, Ownership, Target, Verdict
from bot.core.owners import Misfit, judged, misfits, owners_after
from bot.core.roles import Role
from bot.core.toc import parse_toc

APP = Role("app", can_login=True, superuser=False, acts_as=frozenset({"app", "team"}))
TEAM = Role("team", can_login=False, superuser=False, acts_as=frozenset({"team"}))
READER = Role("reader", can_login=True, superuser=False, acts_as=frozenset({"reader"}))
ROOT = Role("root", can_login=True, superuser=True, acts_as=frozenset({"app", "root"}))
ROLES = {role.name: role for role in (APP, TEAM, READER, ROOT)}
OWNERS = {"public.metrics": "app", "public.shared": "team"}
TARGET = Target("prod", "tsdb", ContainerRef("db"), "/backup")


def job(owner: str, relation: str = "public.metrics") -> DumpedJob:
    return DumpedJob(1001, "policy_retention", owner, True, relation, "30 days")


def only(owner: str, relation: str = "public.metrics") -> Misfit | None:
    found = list(misfits([job(owner, relation)], OWNERS, ROLES))
    return found[0] if found else None


def test_the_owner_of_the_object_and_who_acts_as_it_and_a_superuser_fit() -> None:
    assert only("app") is None
    assert only("app", "public.shared") is None
    assert only("root") is None


def test_a_job_on_nothing_needs_only_to_log_in() -> None:
    assert only("reader", "") is None
    misfit = only("team", "")
    assert misfit is not None
    assert (misfit.reason, misfit.heir) == ("its owner team may not log in", "")


def test_who_does_not_own_the_object_is_named_with_who_does() -> None:
    misfit = only("reader")
    assert misfit is not None
    assert misfit.told == (
        "job 1001 (policy_retention): its owner reader does not own public.metrics, app does"
    )
    assert misfit.heir == "app"


def test_nobody_inherits_who_may_not_log_in_or_does_not_exist() -> None:
    for owner, relation in (("reader", "public.shared"), ("team", "public.shared")):
        misfit = only(owner, relation)
        assert misfit is not None
        assert misfit.heir == ""
    gone = only("gone")
    assert gone is not None
    assert (gone.reason, gone.heir) == ("its owner gone does not exist", "")


def test_refusing_names_each_job_and_the_way_out() -> None:
    check = judged(misfits([job("reader")], OWNERS, ROLES), 1, JobOwners.REFUSE)
    assert check.verdict is Verdict.FAILED
    assert "job 1001" in check.evidence
    assert 'job_owners = "repair"' in check.remedy


def test_repairing_warns_whom_each_job_is_given_to() -> None:
    check = judged(misfits([job("reader")], OWNERS, ROLES), 1, JobOwners.REPAIR)
    assert check.verdict is Verdict.WARNING
    assert check.evidence.endswith("app does; it is given to app")


def test_what_cannot_be_repaired_is_refused_in_any_case() -> None:
    both = [job("reader"), job("gone")]
    check = judged(misfits(both, OWNERS, ROLES), 2, JobOwners.REPAIR)
    assert check.verdict is Verdict.FAILED
    assert check.evidence == "job 1001 (policy_retention): its owner gone does not exist"
    assert check.remedy == "create the roles, or let them log in"


def test_jobs_that_fit_are_counted() -> None:
    check = judged([], 6, JobOwners.REFUSE)
    assert (check.verdict, check.evidence) == (
        Verdict.OK,
        "the owners of 6 jobs may log in and own their objects",
    )


def test_with_the_guides_ownership_all_objects_will_be_the_superusers() -> None:
    toc = parse_toc("5; 1259 1 TABLE public metrics app\n6; 1259 2 VIEW public hourly app\n")
    assert owners_after(toc, TARGET) == {"public.metrics": "app", "public.hourly": "app"}
    guide = Target("prod", "tsdb", ContainerRef("db"), "/backup", ownership=Ownership.GUIDE)
    assert set(owners_after(toc, guide).values()) == {"postgres"}
