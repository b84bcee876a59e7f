"""What the product reads in the sample's dumps before it restores one."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.errors import Refused
from bot.sandbox.sample import DATABASE, OWNER, VIEWS
from tests.sandbox.timescaledb.restoring import Workshop


def test_a_dump_describes_itself_as_a_real_one_does(workshop: Workshop) -> None:
    manifest = workshop.reader.read(str(workshop.dumps.newest))
    assert manifest.timescaledb_version == "2.22.1"
    assert manifest.hypertables == {"public.influx_data"}
    assert manifest.continuous_aggregates == {f"public.{view}" for view in VIEWS}
    assert manifest.empty_aggregates == frozenset()
    assert len(manifest.chunks) > 10


def test_a_dumps_policies_are_the_guides_and_one_of_them_drops_data(workshop: Workshop) -> None:
    manifest = workshop.reader.read(str(workshop.dumps.newest))
    refreshed = [
        job.relation
        for job in manifest.jobs
        if job.procedure == "policy_refresh_continuous_aggregate"
    ]
    [retention] = manifest.retention()
    assert sorted(refreshed) == sorted(f"public.{view}" for view in VIEWS)
    assert (retention.relation, retention.drop_after) == ("public.influx_data", "8 days")
    assert {job.owner for job in manifest.jobs} == {OWNER}


def test_a_table_of_contents_says_where_it_came_from(workshop: Workshop) -> None:
    toc = workshop.reader.toc(str(workshop.dumps.newest))
    assert (toc.database, toc.format) == (DATABASE, "CUSTOM")
    assert set(toc.extensions()) == {"timescaledb", "vector"}
    assert toc.owners() == {OWNER, "postgres"}
    assert toc.postgres_version.startswith("16.")


def test_a_dump_says_it_was_taken_when_its_readings_end(workshop: Workshop) -> None:
    for dump in (workshop.dumps.newest, workshop.dumps.older):
        taken = workshop.reader.toc(str(dump)).taken_at
        assert taken is not None
        assert abs(taken.timestamp() - dump.stat().st_mtime) < 1
    older = workshop.restored("older", workshop.dumps.older).newest_row()
    taken = workshop.reader.toc(str(workshop.dumps.older)).taken_at
    assert older is not None
    assert taken is not None
    assert timedelta(0) <= taken - older < timedelta(minutes=3)


def test_the_truncated_dump_is_refused_for_what_it_is(workshop: Workshop) -> None:
    path = str(workshop.dumps.truncated)
    assert workshop.reader.toc(path).entries
    with pytest.raises(Refused, match="cut short or damaged"):
        workshop.reader.read(path)
    with pytest.raises(Refused, match="cut short or damaged"):
        workshop.reader.read(path, count_rows=False)


def test_without_counting_the_rest_of_the_manifest_is_the_same(workshop: Workshop) -> None:
    path = str(workshop.dumps.older)
    counted, uncounted = (workshop.reader.read(path, count_rows=c) for c in (True, False))
    assert uncounted == replace(counted, rows=None)
    assert counted.rows is not None
    assert sum(counted.rows.values()) > 10_000


def test_nobody_else_may_write_the_dumps_and_the_server_sees_the_newest_first(
    workshop: Workshop,
) -> None:
    dumps = workshop.dumps
    directory = str(dumps.newest.parent)
    paths = (directory, str(dumps.newest), str(dumps.older), str(dumps.truncated))
    assert not any(workshop.reader.permissions(path).writable_by_others for path in paths)
    listed = [file.path for file in workshop.cluster.backups(directory)]
    assert listed == [str(dumps.truncated), str(dumps.newest), str(dumps.older)]
