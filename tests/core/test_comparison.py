"""A restored database is held against its dump, and each difference is named."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.core.comparison import GROWN, Restored, compare
from bot.core.inventory import Inventory
from bot.core.jobs import Job
from bot.core.live_comparison import against_live
from bot.core.manifest import DumpedJob, Manifest
from bot.core.models import (
    Check,
    ContainerRef,
    ContinuousAggregate,
    Ownership,
    Target,
    Verdict,
)
from bot.core.toc import parse_toc

TARGET = Target("prod", "tsdb", ContainerRef("db"), "/backup")
TOC = parse_toc(
    "1; 3079 1 EXTENSION - timescaledb \n"
    "2; 3079 1 EXTENSION - pg_cron \n"
    "3; 2615 1 SCHEMA - ops app\n"
    "4; 1259 1 TABLE ops metrics app\n"
    "5; 1259 1 TABLE ops odd name app\n"
    "6; 1259 1 VIEW ops hourly app\n"
    "7; 1259 1 INDEX ops metrics_idx app\n"
    "8; 2606 1 CONSTRAINT ops metrics metrics_pkey app\n"
    "9; 1259 1 TABLE cron job postgres\n"
)
READS = {"bi": frozenset({"SELECT"})}
CHUNK = "_timescaledb_internal._hyper_1_1_chunk"
MANIFEST = Manifest(
    "2.22.1",
    frozenset({"ops.metrics"}),
    frozenset({CHUNK}),
    frozenset({"ops.hourly"}),
    (
        DumpedJob(1000, "policy_retention", "app", True, "ops.metrics", "30 days"),
        DumpedJob(1001, "policy_refresh_continuous_aggregate", "app", False, "ops.hourly", ""),
    ),
    rows={
        ("ops", "metrics"): 0,
        ("_timescaledb_internal", "_hyper_1_1_chunk"): 3_456_000,
        ("_timescaledb_catalog", "metadata"): 2,
        ("_timescaledb_catalog", "hypertable"): 2,
        ("public", "spatial_ref_sys"): 0,
        ("cron", "job"): 7,
    },
    grants={"ops.metrics": READS, "cron.job": READS},
)
INVENTORY = Inventory(
    tables=frozenset({"ops.metrics", "ops.odd\nname", CHUNK}),
    indexes=frozenset({"ops.metrics_idx"}),
    constraints=frozenset({"ops.metrics metrics_pkey"}),
    hypertables=frozenset({"ops.metrics"}),
    chunks=frozenset({CHUNK}),
    continuous_aggregates=frozenset({"ops.hourly"}),
    owners=dict.fromkeys(("ops", "ops.metrics", "ops.odd\nname", "ops.hourly"), "app"),
    grants={"ops.metrics": READS},
    extensions={"timescaledb": "2.22.1"},
)
VIEW = ContinuousAggregate("ops", "hourly", "app", "ops.metrics", "internal.mat", True, None)


def a_job(number: int, procedure: str, relation: str, **config: str) -> Job:
    hour = timedelta(hours=1)
    return Job(number, "x", procedure, "app", False, hour, None, False, relation, "", None, config)


FOUND = Restored(
    INVENTORY,
    (
        a_job(1, "policy_telemetry", ""),
        a_job(1000, "policy_retention", "ops.metrics", drop_after="30 days"),
        a_job(1001, "policy_refresh_continuous_aggregate", "internal.mat"),
    ),
    (VIEW,),
    {
        **MANIFEST.rows,  # type: ignore[dict-item]
        ("_timescaledb_catalog", "metadata"): 3,
        ("public", "spatial_ref_sys"): 8500,
    },
    frozenset({1000}),
)


def checks(
    found: Restored = FOUND, manifest: Manifest = MANIFEST, target: Target = TARGET
) -> dict[str, Check]:
    return {check.name: check for check in compare(target, TOC, manifest, found)}


def lacking(**changes: Any) -> Restored:
    return replace(FOUND, inventory=replace(INVENTORY, **changes))


def with_jobs(*jobs: Job) -> Restored:
    return replace(FOUND, jobs=jobs)


def with_rows(table: tuple[str, str], number: int | None) -> Restored:
    rows = {t: n for t, n in (FOUND.rows or {}).items() if t != table}
    return replace(FOUND, rows=rows if number is None else {**rows, table: number})


def test_a_restore_that_brought_everything_back_is_green_in_all_points() -> None:
    assert {c.verdict for c in checks().values()} == {Verdict.OK}


def test_the_evidence_is_written_for_those_who_vote() -> None:
    told = {name: check.evidence for name, check in checks().items()}
    assert told["rows"] == "3 456 000 rows in 3 tables, as in the dump"
    assert told["jobs"] == (
        "2 jobs with procedure, object and owner as in the dump, paused until verified"
    )
    assert told["owners"] == "4 objects belong to app, as in the dump"
    assert told["extensions"].endswith("TimescaleDB 2.22.1 as in the dump")


@pytest.mark.parametrize(
    ("found", "name", "evidence"),
    [
        (lacking(tables=INVENTORY.tables - {"ops.metrics"}), "tables", "ops.metrics"),
        (lacking(indexes=frozenset()), "indexes", "1 of 1 indexes missing: ops.metrics_idx"),
        (lacking(constraints=frozenset()), "constraints", "ops.metrics metrics_pkey"),
        (lacking(hypertables=frozenset()), "hypertables", "ops.metrics"),
        (lacking(chunks=frozenset()), "chunks", CHUNK),
        (lacking(continuous_aggregates=frozenset()), "continuous aggregates", "ops.hourly"),
        (lacking(owners={}), "views and sequences", "ops.hourly"),
        (lacking(extensions={}), "extensions", "1 of 1 extensions missing: timescaledb"),
        (
            lacking(extensions={"timescaledb": "2.23.0"}),
            "extensions",
            "timescaledb 2.23.0 instead of 2.22.1",
        ),
        (
            lacking(owners={**INVENTORY.owners, "ops.hourly": "postgres"}),
            "owners",
            "ops.hourly belongs to postgres instead of app",
        ),
        (lacking(grants={}), "grants", "1 grant missing: bi: SELECT on ops.metrics"),
    ],
)
def test_what_is_missing_or_other_is_a_failed_check_that_names_it(
    found: Restored, name: str, evidence: str
) -> None:
    check = checks(found)[name]
    assert check.verdict is Verdict.FAILED
    assert evidence in check.evidence


@pytest.mark.parametrize(
    ("number", "evidence"),
    [(3_455_999, "has 3 455 999 instead of 3 456 000"), (None, "has no table instead of")],
)
def test_a_row_less_is_named_with_its_table(number: int | None, evidence: str) -> None:
    table = ("_timescaledb_internal", "_hyper_1_1_chunk")
    check = checks(with_rows(table, number))["rows"]
    assert check.verdict is Verdict.FAILED
    assert f"{CHUNK} {evidence}" in check.evidence


def test_only_an_extensions_own_tables_may_have_grown() -> None:
    assert checks(with_rows(("ops", "metrics"), 1))["rows"].verdict is Verdict.FAILED
    catalog = ("_timescaledb_catalog", "hypertable")
    assert checks(with_rows(catalog, 3))["rows"].verdict is Verdict.FAILED
    for table in (("_timescaledb_catalog", "metadata"), ("public", "spatial_ref_sys")):
        assert checks(with_rows(table, 9000))["rows"].passed
        assert checks(with_rows(table, None))["rows"].verdict is Verdict.FAILED
    assert all(GROWN.values())


def test_rows_that_nobody_counted_are_never_green() -> None:
    for check in (
        checks(replace(FOUND, rows=None))["rows"],
        checks(FOUND, replace(MANIFEST, rows=None))["rows"],
    ):
        assert check.verdict is Verdict.WARNING
        assert "not counted" in check.evidence


def test_compressed_rows_are_said_to_be_counted_by_the_batch() -> None:
    told = checks(FOUND, replace(MANIFEST, compressed_chunks=1))["rows"].evidence
    assert "(compressed ones by the batch)" in told


@pytest.mark.parametrize(
    ("change", "evidence"),
    [
        ({"owner": "postgres"}, "job 1000: owner is postgres, in the dump app"),
        ({"procedure": "mine"}, "job 1000: procedure is mine, in the dump policy_retention"),
        ({"hypertable": "ops.other"}, "job 1000: object is ops.other, in the dump ops.metrics"),
        ({"config": {}}, "job 1000: drop_after is , in the dump 30 days"),
    ],
)
def test_a_job_that_does_something_else_is_named(change: dict[str, Any], evidence: str) -> None:
    first, second, third = FOUND.jobs
    check = checks(with_jobs(first, replace(second, **change), third))["jobs"]
    assert check.verdict is Verdict.FAILED
    assert evidence in check.evidence


def test_a_job_that_is_gone_or_too_many_is_named() -> None:
    assert "job 1000 policy_retention on ops.metrics" in checks(with_jobs())["jobs"].evidence
    more = checks(with_jobs(*FOUND.jobs, a_job(1002, "mine", "")))["jobs"]
    assert "job 1002 is in no dump" in more.evidence


def test_a_job_was_scheduled_if_we_paused_it_and_else_if_it_runs() -> None:
    assert "scheduled before" in checks(replace(FOUND, paused=frozenset()))["jobs"].evidence
    both = replace(FOUND, paused=frozenset({1000, 1001}))
    assert "job 1001: scheduled before" in checks(both)["jobs"].evidence


def test_a_repaired_owner_is_the_one_that_is_expected() -> None:
    given = replace(FOUND, owners={1000: "team"})
    assert "owner is app, in the dump team" in checks(given)["jobs"].evidence
    jobs = tuple(replace(j, owner="team") if j.id == 1000 else j for j in FOUND.jobs)
    assert "1 owner repaired" in checks(replace(given, jobs=jobs))["jobs"].evidence


def test_grants_that_pg_restore_could_not_give_are_named_and_stop_nothing() -> None:
    check = checks(replace(lacking(grants={}), ungranted=True))["grants"]
    assert check.verdict is Verdict.WARNING
    assert "bi: SELECT on ops.metrics" in check.evidence
    assert checks(replace(FOUND, ungranted=True))["grants"].verdict is Verdict.OK


def test_with_the_guides_ownership_owners_and_grants_warn_instead() -> None:
    guide = checks(lacking(owners={}, grants={}), target=replace(TARGET, ownership=Ownership.GUIDE))
    assert guide["owners and grants"].verdict is Verdict.WARNING
    assert "grants" not in guide


def live(new: Inventory) -> dict[str, Check]:
    return {check.name: check for check in against_live("tsdb", INVENTORY, new)}


def test_the_same_as_the_live_database_is_green() -> None:
    assert {c.verdict for c in live(INVENTORY).values()} == {Verdict.OK}


def test_what_applications_would_lose_is_a_warning_that_names_it() -> None:
    guide = replace(INVENTORY, owners=dict.fromkeys(INVENTORY.owners, "postgres"), grants={})
    found = live(guide)
    assert {c.verdict for c in found.values()} == {Verdict.WARNING, Verdict.OK}
    assert "ops.metrics (app → postgres)" in found["owners against tsdb"].evidence
    assert found["grants against tsdb"].evidence == (
        "1 grant of tsdb would be lost: bi: SELECT on ops.metrics"
    )


def test_no_more_than_five_are_named_and_chunks_are_not() -> None:
    names = [f"ops.t{n}" for n in range(9)]
    old = replace(INVENTORY, owners=dict.fromkeys([*names, CHUNK], "app"))
    new = replace(INVENTORY, owners=dict.fromkeys([*names, CHUNK], "other"))
    check = next(iter(against_live("tsdb", old, new)))
    assert check.evidence.startswith("9 objects of tsdb would change owner")
    assert check.evidence.count("→") == 5


def test_another_version_of_an_extension_is_a_warning() -> None:
    older = replace(INVENTORY, extensions={"timescaledb": "2.20.0"})
    assert live(older)["extensions against tsdb"].evidence == (
        "1 extension of tsdb would change: timescaledb 2.22.1 → 2.20.0"
    )
