"""The catalog in a dump says what a restore must bring back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.contents import contents
from bot.core.errors import Refused
from bot.core.manifest import Manifest, parse_manifest
from bot.core.toc import parse_toc

Rows = list[tuple[object, ...]]

HYPERTABLE = "id, schema_name, table_name, compressed_hypertable_id"
CHUNK = "id, hypertable_id, schema_name, table_name, dropped"
AGGREGATE = "mat_hypertable_id, raw_hypertable_id, user_view_schema, user_view_name"
JOB = "id, application_name, proc_name, owner, scheduled, hypertable_id, config"
INTERNAL = "_timescaledb_internal"


def field(value: object) -> str:
    """One value as COPY writes it."""
    if value is None:
        return "\\N"
    if isinstance(value, bool):
        return "t" if value else "f"
    text = str(value).replace("\\", "\\\\")
    for char, letter in (("\n", "n"), ("\t", "t"), ("\r", "r"), ("\b", "b"), ("\f", "f")):
        text = text.replace(char, "\\" + letter)
    return text.replace("\v", "\\v")


def copy(table: str, columns: str, rows: Rows) -> str:
    body = "".join("\t".join(map(field, row)) + "\n" for row in rows)
    return f"COPY {table} ({columns}) FROM stdin;\n{body}\\.\n\n\n"


HYPERTABLES: Rows = [
    (1, "public", "metrics", 5),
    (2, INTERNAL, "_materialized_hypertable_2", None),
    (3, INTERNAL, "_materialized_hypertable_3", None),
    (5, INTERNAL, "_compressed_hypertable_5", None),
]
CHUNKS: Rows = [
    (1, 1, INTERNAL, "_hyper_1_1_chunk", False),
    (2, 1, INTERNAL, "_hyper_1_2_chunk", True),
    (3, 2, INTERNAL, "_hyper_2_3_chunk", False),
    (4, 3, INTERNAL, "_hyper_3_4_chunk", True),
    (6, 5, INTERNAL, "compress_hyper_5_6_chunk", False),
]
AGGREGATES: Rows = [(2, 1, "public", "metrics_1m"), (3, 2, "public", "metrics_1h")]
JOBS: Rows = [
    (1, "Telemetry Reporter [1]", "policy_telemetry", "postgres", True, None, None),
    (1000, "Columnstore", "policy_compression", "app", True, 1, '{"compress_after": "7 days"}'),
    (1001, "Refresh", "policy_refresh_continuous_aggregate", "app", True, 2, '{"end": null}'),
    (1002, "Retention", "policy_retention", "app", True, 1, '{"drop_after": "30 days"}'),
    (1003, "Retention", "policy_retention", "app", False, 3, '{"drop_after": "1 year"}'),
    (1004, "Own", "nightly", "app", True, None, "[1, 2]"),
]


def sample(jobs: Rows = JOBS, hypertables: Rows = HYPERTABLES) -> Manifest:
    return parse_manifest(
        "--\n-- PostgreSQL database dump\n--\nSET client_encoding = 'UTF8';\n\n"
        + copy("_timescaledb_catalog.metadata", "key, value, include_in_telemetry",
               [("timescaledb_version", "2.19.3", False), ("install_timestamp", "x", True)])
        + copy("_timescaledb_catalog.hypertable", HYPERTABLE, hypertables)
        + copy("_timescaledb_catalog.chunk", CHUNK, CHUNKS)
        + copy("_timescaledb_catalog.continuous_agg", AGGREGATE, AGGREGATES)
        + copy("_timescaledb_config.bgw_job", JOB, jobs)
        + "SELECT pg_catalog.setval('_timescaledb_catalog.chunk_id_seq', 6, true);\n"
    )  # fmt: skip


SAMPLE = sample()


def test_the_version_of_timescaledb_is_the_dumps_own() -> None:
    assert SAMPLE.timescaledb_version == "2.19.3"


def test_hypertables_are_those_of_people_not_those_of_aggregates_and_compression() -> None:
    assert SAMPLE.hypertables == {"public.metrics"}


def test_hierarchical_aggregates_are_named_by_their_views() -> None:
    assert SAMPLE.continuous_aggregates == {"public.metrics_1m", "public.metrics_1h"}


def test_dropped_chunks_and_those_of_compression_are_not_expected() -> None:
    assert SAMPLE.chunks == {f"{INTERNAL}._hyper_1_1_chunk", f"{INTERNAL}._hyper_2_3_chunk"}


def test_an_aggregate_whose_chunks_were_all_dropped_may_stay_empty() -> None:
    assert SAMPLE.empty_aggregates == {"public.metrics_1h"}


def test_timescaledbs_own_jobs_are_left_out() -> None:
    assert [job.id for job in SAMPLE.jobs] == [1000, 1001, 1002, 1003, 1004]


def test_a_job_names_the_hypertable_or_the_view_it_works_on() -> None:
    relations = {job.id: job.relation for job in SAMPLE.jobs}
    assert (relations[1000], relations[1001]) == ("public.metrics", "public.metrics_1m")
    assert relations[1004] == ""


def test_only_scheduled_retention_policies_would_drop_what_was_restored() -> None:
    assert [job.id for job in SAMPLE.retention()] == [1002]


def test_a_retention_job_says_how_old_data_gets() -> None:
    assert SAMPLE.retention()[0].description == (
        "job 1002 policy_retention on public.metrics, drops data older than 30 days"
    )


RELID = "id, relid, hypertable_id, status"
SETTINGS = "relid, compress_relid"


def test_from_2_29_on_chunks_are_named_by_their_regclass_and_compressed_by_their_settings() -> None:
    found = parse_manifest(
        copy("_timescaledb_catalog.hypertable", HYPERTABLE, HYPERTABLES[:3])
        + copy("_timescaledb_catalog.chunk", RELID, [
            (1, f"{INTERNAL}._hyper_1_1_chunk", 1, 1), (3, f'{INTERNAL}."Odd.chunk"', 2, 0)])
        + copy("_timescaledb_catalog.compression_settings", SETTINGS, [
            ("public.metrics", None), (f"{INTERNAL}._hyper_1_1_chunk", f"{INTERNAL}.compress_1")])
        + copy("_timescaledb_catalog.continuous_agg", AGGREGATE, AGGREGATES)
    )  # fmt: skip
    assert found.chunks == {f"{INTERNAL}._hyper_1_1_chunk", f"{INTERNAL}.Odd.chunk"}
    assert found.compressed_chunks == 1
    assert found.empty_aggregates == {"public.metrics_1h"}


def test_a_catalog_that_nobody_knows_yet_is_refused_by_what_it_lacks() -> None:
    with pytest.raises(Refused, match=r"has no 'table_name': it was taken with a version"):
        parse_manifest(copy("_timescaledb_catalog.hypertable", "id, schema_name", [(1, "public")]))


def test_an_owner_whose_name_needs_quotes_is_called_by_its_name() -> None:
    (job,) = sample([(1000, "Own", "nightly", '"app-""user"', True, 1, None)]).jobs
    assert job.owner == 'app-"user'


def test_a_configuration_that_is_missing_or_no_object_says_nothing() -> None:
    own = SAMPLE.jobs[-1]
    assert (own.drop_after, own.description) == ("", "job 1004 nightly on nothing")


def test_a_configuration_with_escaped_quotes_and_backslashes_is_json_again() -> None:
    config = '{"note": "a \\"b\\" \\\\ c\\n", "drop_after": "1 day"}'
    (job,) = sample([(1000, "Own", "policy_retention", "app", True, 1, config)]).jobs
    assert job.drop_after == "1 day"


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_every_name_that_copy_can_write_is_read_back(name: str) -> None:
    manifest = sample([], [(1, "public", name, None)])
    assert manifest.hypertables == {f"public.{name}"}


def test_the_word_null_is_a_name_and_the_marker_is_none() -> None:
    manifest = sample([(1000, "x", "NULL", None, True, None, None)])
    assert (manifest.jobs[0].procedure, manifest.jobs[0].owner) == ("NULL", "")


def test_columns_are_found_by_name_in_any_order_and_quoted_or_not() -> None:
    jobs = copy(
        "_timescaledb_config.bgw_job",
        '"owner", config, hypertable_id, scheduled, proc_name, id, "timezone"',
        [("app", None, None, False, "nightly", 1007, None)],
    )
    (job,) = parse_manifest(jobs).jobs
    assert (job.id, job.owner, job.procedure, job.scheduled) == (1007, "app", "nightly", False)


def test_a_dump_without_timescaledb_has_an_empty_manifest() -> None:
    manifest = parse_manifest("--\n-- PostgreSQL database dump\n--\n\nSET row_security = off;\n")
    assert manifest == Manifest("", frozenset(), frozenset(), frozenset(), ())


def test_a_block_that_never_ends_keeps_the_rows_it_had() -> None:
    text = copy("_timescaledb_catalog.hypertable", HYPERTABLE, HYPERTABLES[:1]).partition("\\.")[0]
    assert parse_manifest(text.rstrip("\n")).hypertables == {"public.metrics"}


TOC = parse_toc(
    "1; 3079 1 EXTENSION - timescaledb \n2; 3079 2 EXTENSION - vector \n"
    "3; 1259 1 TABLE public metrics app\n4; 1259 2 TABLE public notes postgres\n"
)


def test_what_a_dump_holds_is_said_in_two_lines() -> None:
    rows = {("public", "metrics"): 1_200, ("_timescaledb_config", "bgw_job"): 6, ("cron", "job"): 2}
    grants = {"public.metrics": {"bi": frozenset({"SELECT"})}}
    assert contents(replace(SAMPLE, rows=rows, grants=grants), TOC) == (
        "1 hypertable, 2 chunks, 2 continuous aggregates, 5 jobs, 1 202 rows in 2 tables",
        "2 extensions, 1 grant, 2 pg_cron jobs, owned by app, postgres",
    )


def test_rows_that_were_not_counted_are_not_said_to_be_none() -> None:
    first, second = contents(SAMPLE, TOC)
    assert first.endswith("5 jobs, rows not counted")
    assert "pg_cron" not in second


def test_compressed_chunks_are_counted_and_their_rows_said_to_be_batches() -> None:
    head = "id, hypertable_id, schema_name, table_name, dropped, compressed_chunk_id"
    chunks: Rows = [
        (1, 1, INTERNAL, "_hyper_1_1_chunk", False, 6),
        (2, 1, INTERNAL, "_hyper_1_2_chunk", False, None),
    ]
    manifest = parse_manifest(
        copy("_timescaledb_catalog.hypertable", HYPERTABLE, HYPERTABLES)
        + copy("_timescaledb_catalog.chunk", head, chunks)
    )
    first, _ = contents(replace(manifest, rows={("public", "metrics"): 1}), TOC)
    assert "2 chunks (1 compressed)" in first
    assert first.endswith("1 row (compressed ones by the batch) in 1 table")
