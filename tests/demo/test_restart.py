"""The guide's problem and its cure: without the restart the checklist is red, with it green."""

import io
import re
from collections.abc import Iterator

import docker
import pytest

from bot.__main__ import main
from bot.adapters.audit_log import AuditStore
from bot.adapters.clock import SystemClock
from bot.cli.demo_story import Story
from bot.core.audit import Draft, Query
from bot.core.steps import server
from bot.sandbox.demo.world import World, world
from bot.sandbox.engine import ContainerSpec
from tests.demo.process import until

APPLICATIONS = ("plant-writer", "plant-reader")
GIVE_UP_S = 4
"""Enough for a launcher and a scheduler to start after the restart, also on a busy machine."""


@pytest.fixture(scope="module")
def deaf() -> Iterator[World]:
    """Workers that hear no START before their container has been restarted."""
    with world(workers_deaf=True) as made:
        for name in APPLICATIONS:
            until(lambda name=name: logs(made, name)[-1:] == [f"{name[6:]}: ok"], 10)  # type: ignore[misc]
        yield made


@pytest.fixture
def settings(deaf: World, monkeypatch: pytest.MonkeyPatch) -> World:
    for name, value in deaf.environment.items():
        monkeypatch.setenv(name, value)
    brief = deaf.settings.with_name("brief.toml")
    brief.write_text(f'{deaf.settings.read_text()}worker_timeout = "{GIVE_UP_S}s"\n')
    monkeypatch.setenv("TSBOT_CONFIG", str(brief))
    return deaf


def last(made: World, action: str) -> Draft:
    """The newest entry of an action."""
    store = AuditStore(made.audit, SystemClock(), writable=False)
    try:
        return store.log.entries(Query(action=action))[-1].draft
    finally:
        store.close()


def points(made: World) -> dict[str, tuple[str, str]]:
    """The last checklist in the log: verdict and evidence by name."""
    checks = last(made, "checklist_checks").detail["checks"]
    assert isinstance(checks, list)
    return {each["name"]: (each["verdict"], each["evidence"]) for each in checks}


def logs(made: World, name: str) -> list[str]:
    """What an application has said, as `docker logs` shows it."""
    client = docker.DockerClient(base_url=made.engine.url)
    try:
        return client.containers.get(name).logs().decode().splitlines()
    finally:
        client.close()


def without_the_step(monkeypatch: pytest.MonkeyPatch, made: World, rule: str) -> None:
    """Leave the restart to the ladder, whose launcher takes a minute that nobody here waits for."""
    monkeypatch.setattr(server, "LAUNCHER_RETURNS", GIVE_UP_S / 2)
    settings = made.settings.with_name("brief.toml")
    with settings.open("a") as file:
        file.write(f'restart = "{rule}"\n')


def rungs(made: World) -> list[dict[str, str]]:
    """What the last climb did, from the log."""
    detail = last(made, "workers").detail["facts"]
    assert isinstance(detail, dict)
    return list(detail["rungs"])


def test_where_nothing_may_be_restarted_workers_and_jobs_are_red_with_the_evidence(
    settings: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_the_step(monkeypatch, settings, "never")
    assert main(["restore", "latest", "--yes"]) == 1
    found = points(settings)
    assert found["background workers are running"][0] == "failed"
    verdict, evidence = found["every job has a next start"]
    assert (verdict, evidence[:15]) == ("failed", "no next start: ")
    assert re.fullmatch(r"no next start: \d{4}(, \d{4}){3}", evidence)
    rest = {verdict for name, (verdict, _) in found.items() if not re.search("worker|job", name)}
    assert rest == {"ok"}
    failed = last(settings, "workers")
    assert "restarting PostgreSQL is left to you" in str(failed.detail["sentence"])
    lines = failed.output_tail.splitlines()
    assert [line.split(" → ")[1] for line in lines] == [
        "restart_background_workers()", "restart_background_workers() again", "end the launcher"
    ]  # fmt: skip
    assert lines[0].startswith("no scheduler for ecoanp → ")


def test_the_ladder_ends_with_a_restart_and_its_evidence_is_in_the_log(
    settings: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_the_step(monkeypatch, settings, "ladder")
    assert main(["restore", "latest", "--yes"]) == 0
    climbed = rungs(settings)
    assert climbed[-1]["means"] == "restart PostgreSQL"
    assert climbed[-1]["after"].startswith("launcher pid ")
    assert {verdict for verdict, _ in points(settings).values()} == {"ok"}


def test_in_place_the_restart_is_a_step_and_all_five_points_are_green(settings: World) -> None:
    assert main(["restore", "latest", "--yes", "--strategy", "in-place"]) == 0
    assert last(settings, "restart").status == "ok"
    found = points(settings)
    assert len(found) == 5
    assert {verdict for verdict, _ in found.values()} == {"ok"}


@pytest.mark.parametrize("name", APPLICATIONS)
def test_an_applications_downtime_is_seen_in_its_log(settings: World, name: str) -> None:
    role = name.removeprefix("plant-")
    until(lambda: logs(settings, name)[-1] == f"{role}: ok", 10)
    text = "\n".join(logs(settings, name))
    stopped, started = f"{role}: asked to stop", f"{role}: started"
    assert re.search(rf"{role}: ok\n{stopped}\n{started}\n({role}: .*\n)*{role}: ok", text), text
    assert text.count(stopped) == text.count(started) - 1
    assert not re.search(rf"{stopped}\n{role}: ok", text)


def test_without_its_database_an_application_says_so_until_it_is_back(deaf: World) -> None:
    database = deaf.engine.engine.find("plant-db")
    until(lambda: logs(deaf, "plant-reader")[-1] == "reader: ok", 10)
    database.stop()
    until(lambda: "connection" in logs(deaf, "plant-reader")[-1], 10)
    database.start()
    until(lambda: logs(deaf, "plant-reader")[-1] == "reader: ok", 10)


def test_the_story_ends_badly_where_a_point_is_not_green() -> None:
    with world() as made:
        engine = made.engine.engine
        engine.remove(engine.find("plant-reader"), force=True)
        once = f"[ ! -e {made.settings}.ran ] && touch {made.settings}.ran && exec sleep 600"
        made.engine.add(ContainerSpec("plant-reader", ("sh", "-c", once)))
        out = io.StringIO()
        assert Story(made, out).tell() is False
    assert "[NO] applications are running: not running: plant-reader" in out.getvalue()
    assert "SUCCEEDED" not in out.getvalue()
