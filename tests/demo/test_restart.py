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
from bot.core import plan
from bot.core.audit import Query
from bot.core.models import Strategy
from bot.core.steps import verify
from bot.sandbox.demo.world import World, world
from bot.sandbox.engine import ContainerSpec
from tests.demo.process import until

APPLICATIONS = ("plant-writer", "plant-reader")
GIVE_UP_S = 3


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
    monkeypatch.setattr(verify, "_SCHEDULED_WITHIN", GIVE_UP_S)
    brief = deaf.settings.with_name("brief.toml")
    brief.write_text(f'{deaf.settings.read_text()}worker_timeout = "{GIVE_UP_S}s"\n')
    monkeypatch.setenv("TSBOT_CONFIG", str(brief))
    return deaf


def points(made: World) -> dict[str, tuple[str, str]]:
    """The last checklist in the log: verdict and evidence by name."""
    store = AuditStore(made.audit, SystemClock(), writable=False)
    try:
        entry = store.log.entries(Query(action="checklist_checks"))[-1]
    finally:
        store.close()
    checks = entry.draft.detail["checks"]
    assert isinstance(checks, list)
    return {each["name"]: (each["verdict"], each["evidence"]) for each in checks}


def logs(made: World, name: str) -> list[str]:
    """What an application has said, as `docker logs` shows it."""
    client = docker.DockerClient(base_url=made.engine.url)
    try:
        return client.containers.get(name).logs().decode().splitlines()
    finally:
        client.close()


def test_without_the_restart_the_workers_and_their_jobs_are_red_with_the_evidence(
    settings: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(plan.ORDER, dict)
    order = tuple(s for s in plan.ORDER[Strategy.IN_PLACE] if s is not plan.StepName.RESTART)
    monkeypatch.setitem(plan.ORDER, Strategy.IN_PLACE, order)
    assert main(["restore", "latest", "--yes"]) == 1
    found = points(settings)
    assert found["background workers are running"] == ("failed", "no scheduler for ecoanp")
    verdict, evidence = found["every job has a next start"]
    assert (verdict, evidence[:15]) == ("failed", "no next start: ")
    assert re.fullmatch(r"no next start: \d{4}(, \d{4}){3}", evidence)
    rest = {verdict for name, (verdict, _) in found.items() if not re.search("worker|job", name)}
    assert rest == {"ok"}


def test_with_the_restart_all_five_points_are_green(settings: World) -> None:
    assert main(["restore", "latest", "--yes"]) == 0
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
