"""Versions, headers, lists and refusals, as Docker's own clients read them."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import pytest
from docker import DockerClient

from bot.sandbox.engine import EngineServer
from tests.sandbox.engine.conftest import Add
from tests.sandbox.engine.wire import ask

HEALTH = quote('{"health":["x"]}')
STAND_IN = "tsbot sandbox engine (stand-in)"


def test_the_engine_says_everywhere_that_it_is_a_stand_in(
    server: EngineServer, client: DockerClient
) -> None:
    assert client.version()["Platform"]["Name"] == STAND_IN
    assert client.info()["OperatingSystem"] == STAND_IN
    assert ask(server.path, "GET", "/_ping").headers["Server"] == STAND_IN


def test_a_head_of_ping_has_the_version_and_no_body(server: EngineServer) -> None:
    answered = ask(server.path, "HEAD", "/_ping")
    assert (answered.status, answered.body) == (200, b"")
    assert answered.headers["Content-Length"] == "0"
    assert answered.headers["Api-Version"] == "1.44"
    assert answered.headers["Ostype"] == "linux"
    assert ask(server.path, "GET", "/_ping").body == b"OK"


@pytest.mark.parametrize("version", ["v1.24", "v1.41", "v1.44"])
def test_clients_of_old_and_new_versions_are_answered(server: EngineServer, version: str) -> None:
    assert ask(server.path, "GET", f"/{version}/version").document["MinAPIVersion"] == "1.24"


@pytest.mark.parametrize(
    ("version", "sentence"),
    [
        ("v1.99", "client version 1.99 is too new. Maximum supported API version is 1.44"),
        (
            "v1.12",
            "client version 1.12 is too old. Minimum supported API version is 1.24, "
            "please upgrade your client to a newer version",
        ),
    ],
)
def test_versions_out_of_reach_are_refused(
    server: EngineServer, version: str, sentence: str
) -> None:
    answered = ask(server.path, "GET", f"/{version}/version")
    assert (answered.status, answered.message) == (400, sentence)


@pytest.mark.parametrize(
    ("method", "target", "status", "sentence"),
    [
        ("GET", "/nope", 404, "page not found"),
        ("DELETE", "/v1.41/version", 404, "page not found"),
        ("GET", "/containers/zzz/json", 404, "No such container: zzz"),
        ("POST", "/containers/zzz/start", 404, "No such container: zzz"),
        ("GET", "/exec/zz/json", 404, "No such exec instance: zz"),
        ("POST", "/containers/app/exec", 400, "got EOF while reading request body"),
        ("POST", "/containers/app/stop?t=x", 500, 'strconv.Atoi: parsing "x": invalid syntax'),
        ("POST", "/containers/app/rename", 400, "Neither old nor new names may be empty"),
        (
            "GET",
            "/containers/app/logs",
            400,
            "Bad parameters: you must choose at least one stream",
        ),
    ],
)
def test_refusals_have_dockers_status_and_words(
    server: EngineServer, add: Add, method: str, target: str, status: int, sentence: str
) -> None:
    add("app")
    answered = ask(server.path, method, target)
    assert (answered.status, answered.message) == (status, sentence)


@pytest.mark.parametrize(
    ("method", "target", "what"),
    [
        ("POST", "/containers/create", "images to create containers from"),
        ("GET", "/events", "events"),
        ("GET", "/containers/app/archive?path=/etc", "file system of its own"),
        ("PUT", "/containers/app/archive?path=/etc", "file system of its own"),
        ("POST", "/containers/app/wait?condition=removed", "waiting for a removal"),
        ("GET", f"/containers/json?filters={HEALTH}", "filter 'health'"),
    ],
)
def test_what_a_stand_in_lacks_is_said_to_be_left_out(
    server: EngineServer, add: Add, method: str, target: str, what: str
) -> None:
    add("app", start=False)
    answered = ask(server.path, method, target)
    assert answered.status == 501
    assert answered.message.startswith(f"the tsbot sandbox engine (a stand-in) has no {what}")


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({}, ["web", "db-2", "db"]),
        ({"name": ["db"]}, ["db-2", "db"]),
        ({"name": ["^/db$"]}, ["db"]),
        ({"name": {"web": True, "^db$": True}}, ["web", "db"]),
        ({"label": ["role=db"]}, ["db-2", "db"]),
        ({"label": ["role", "second"]}, ["db-2"]),
        ({"label": ["role=none"]}, []),
        ({"status": ["running"]}, ["db"]),
        ({"status": ["created"], "name": ["db"]}, ["db-2"]),
        ({"id": ["none"]}, []),
    ],
)
def test_lists_are_filtered_as_docker_filters_them(
    server: EngineServer, add: Add, filters: object, names: list[str]
) -> None:
    add("db", labels={"role": "db"})
    add("db-2", labels={"role": "db", "second": ""}, start=False)
    add("web", start=False)
    query = f"all=1&filters={quote(json.dumps(filters))}"
    rows = ask(server.path, "GET", f"/v1.41/containers/json?{query}").document
    assert [row["Names"] for row in rows] == [[f"/{name}"] for name in names]


def test_only_running_containers_are_listed_unless_asked(client: DockerClient, add: Add) -> None:
    app = add("db")
    add("idle", start=False)
    assert [row["Id"] for row in client.api.containers()] == [app.id]
    assert [row["Names"] for row in client.api.containers(all=True)] == [["/idle"], ["/db"]]
    assert [row["Names"] for row in client.api.containers(limit=1)] == [["/idle"]]
    [by_id] = client.api.containers(filters={"id": app.id[:8]})
    assert by_id["State"] == "running"
    assert by_id["Status"].startswith("Up ")


@pytest.mark.parametrize(
    ("filters", "sentence"),
    [
        ('{"bogus":["x"]}', "Invalid filter 'bogus'"),
        ('{"status":["x"]}', "Invalid filter 'status=x'"),
        ("xx", "invalid filters: xx"),
        ('["name"]', 'invalid filters: ["name"]'),
    ],
)
def test_wrong_filters_are_named(server: EngineServer, filters: str, sentence: str) -> None:
    answered = ask(server.path, "GET", f"/containers/json?filters={quote(filters)}")
    assert answered.message == sentence


def test_an_inspection_holds_what_was_asked_for(client: DockerClient, add: Add) -> None:
    app = add("db", env={"A": "1"}, stop_signal="SIGINT", stop_timeout=60, image="pg")
    seen = client.api.inspect_container("db")
    config = seen["Config"]
    assert (len(seen["Id"]), seen["Name"], seen["Path"]) == (64, "/db", "sh")
    assert (config["StopSignal"], config["StopTimeout"]) == ("SIGINT", 60)
    assert (config["Image"], config["Labels"]) == ("pg", {"tsbot.test": "1"})
    assert "A=1" in config["Env"]
    assert seen["State"]["Pid"] == app.state.pid
    assert "StopTimeout" not in client.api.inspect_container(add("web").id)["Config"]


def test_logs_are_told_apart_numbered_in_time_and_cut(client: DockerClient, add: Add) -> None:
    app = add(script="echo one; sleep .02; echo two >&2; sleep .02; printf three")
    client.api.wait(app.id)
    assert client.api.logs(app.id, stderr=False) == b"one\nthree"
    assert client.api.logs(app.id, stdout=False) == b"two\n"
    assert client.api.logs(app.id, tail=2) == b"two\nthree"
    stamped = client.api.logs(app.id, timestamps=True, tail=1).decode()
    assert stamped.endswith("Z three")


def test_logs_are_followed_until_the_container_ends(client: DockerClient, add: Add) -> None:
    app = add(script="trap 'echo bye; exit' TERM; echo up; while :; do sleep .02; done")
    lines = client.api.logs(app.id, follow=True, stream=True)
    assert next(lines) == b"up\n"
    app.stop(5)
    assert list(lines) == [b"bye\n"]


def test_logs_that_are_too_much_lose_their_beginning(client: DockerClient, add: Add) -> None:
    app = add(script="seq 1 200000")
    client.api.wait(app.id)
    lines = client.api.logs(app.id).split()
    assert lines[-1] == b"200000"
    assert 100_000 < len(lines) < 200_000


def test_the_socket_is_for_this_account_alone(server: EngineServer) -> None:
    assert server.path.stat().st_mode & 0o777 == 0o600


def test_a_path_too_long_for_a_socket_is_refused_with_its_length() -> None:
    with pytest.raises(ValueError, match="longer than 103 bytes"):
        EngineServer(Path("/tmp") / ("x" * 120))
