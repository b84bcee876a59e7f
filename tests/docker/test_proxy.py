"""What the Docker-socket proxy lets through and what it refuses, by raw requests to the real one.

The adapter's contract through the proxy is in test_docker_host.py.
"""

import json
import re
import secrets
import socket
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from docker import DockerClient

from tests.docker.containers import Containers, DatabaseContainer
from tests.docker.proxy import engine_socket, running_proxy


@dataclass(frozen=True)
class Rig:
    """A proxy with one database, one application, and a bystander it has no rule for."""

    proxy: str
    database: str
    application: str
    bystander: str
    exec_id: str

    def fill(self, text: str) -> str:
        """Put the names in: attacks are written before the containers exist."""
        for placeholder, value in (
            ("DB", self.database),
            ("APP", self.application),
            ("OTHER", self.bystander),
            ("EXEC", self.exec_id),
        ):
            text = text.replace(f"<{placeholder}>", value)
        return text


@pytest.fixture(scope="module")
def rig(shared_database: DatabaseContainer, engine: DockerClient) -> Iterator[Rig]:
    labels = {"tsbot.test": "1"}
    image = shared_database.container.attrs["Config"]["Image"]
    names = [f"tsbot-test-{kind}-{secrets.token_hex(4)}" for kind in ("app", "other")]
    made = [
        engine.containers.run(
            image, ["sleep", "600"], entrypoint=[], name=name, labels=labels, detach=True
        )
        for name in names
    ]
    exec_id = engine.api.exec_create(shared_database.id, ["true"], user="postgres")["Id"]
    try:
        with running_proxy([shared_database.name, names[0]], [shared_database.name]) as proxy:
            yield Rig(proxy, shared_database.name, names[0], names[1], exec_id)
    finally:
        for container in made:
            container.remove(force=True, v=True)


def talk(path: str, request: bytes) -> bytes:
    """Send bytes and read until the other side closes or says no more."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(path)
        connection.sendall(request)
        answer = b""
        while True:
            try:
                piece = connection.recv(65536)
            except (TimeoutError, ConnectionResetError):
                return answer
            answer += piece
            if not piece:
                return answer


def compose(method: str, target: str, body: str = "", *headers: str) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: docker", "Connection: close", *headers]
    data = body.encode()
    if data and not any("transfer-encoding" in h.lower() for h in headers):
        lines.append(f"Content-Length: {len(data)}")
    return "\r\n".join([*lines, "", ""]).encode() + data


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/") else 0


def exec_body(**changes: object) -> str:
    """Write an exec's body as the SDK does."""
    plain = {
        "Container": "c",
        "User": "postgres",
        "Privileged": False,
        "Tty": False,
        "AttachStdin": False,
        "AttachStdout": True,
        "AttachStderr": True,
        "Cmd": ["psql", "--version"],
    }
    return json.dumps({**plain, **changes})


GOOD = exec_body()
EXEC = "/v1.41/containers/<DB>/exec"
JSON_TYPE = "Content-Type: application/json"


def exec_with(text: str) -> tuple[str, str, str, str]:
    return ("POST", EXEC, text, JSON_TYPE)


ALLOWED = {
    "ping": ("GET", "/_ping"),
    "ping without body": ("HEAD", "/_ping"),
    "version": ("GET", "/version"),
    "version, versioned": ("GET", "/v1.41/version"),
    "list": ("GET", "/v1.41/containers/json?limit=-1&all=1&size=0&trunc_cmd=0"),
    "list by id": ("GET", "/v1.41/containers/json?all=1&filters=%7B%22id%22%3A+%5B%22abc%22%5D%7D"),
    "look at the database": ("GET", "/containers/<DB>/json"),
    "look at the application": ("GET", "/v1.41/containers/<APP>/json"),
    "start": ("POST", "/v1.41/containers/<APP>/start"),
    "exec": ("POST", EXEC, GOOD, JSON_TYPE),
    "exec with variables": exec_with(exec_body(Env=["PGAPPNAME=a \"b\" \\ é", "LC_ALL=C"])),
    "exec in another time zone": exec_with(exec_body(Env=["PGAPPNAME=x", "TZ=UTC"])),
    "a parallel pg_restore": exec_with(
        exec_body(
            Cmd=["pg_restore", "--jobs=2", "--use-list=/x/tsbot-a.list", "/backup/b.dump"],
            Env=["PGAPPNAME=x", "PGOPTIONS=-c lc_messages=C -c synchronous_commit=off", "TZ=UTC"],
        )
    ),
    "a catalog read from a dump": exec_with(
        exec_body(Cmd=["pg_restore", "-a", "-n", "a b", "-f", "-", "/b/x.dump"], Env=["TZ=UTC"])
    ),
    "the room of several places": exec_with(exec_body(Cmd=["df", "-Pk", "/a", "/b c"])),
    "a place through its links": exec_with(exec_body(Cmd=["stat", "-L", "-c", "%a %U", "/a"])),
    "look at an exec": ("GET", "/v1.41/exec/<EXEC>/json"),
}  # fmt: skip

REFUSED = {
    # other containers, other things
    "look at another container": ("GET", "/v1.41/containers/<OTHER>/json"),
    "stop another container": ("POST", "/v1.41/containers/<OTHER>/stop?t=1"),
    "restart another container": ("POST", "/v1.41/containers/<OTHER>/restart?t=1"),
    "exec in another container": ("POST", "/v1.41/containers/<OTHER>/exec", GOOD, JSON_TYPE),
    "exec in an application": ("POST", "/v1.41/containers/<APP>/exec", GOOD, JSON_TYPE),
    "create a container": ("POST", "/v1.41/containers/create", '{"Image": "x"}', JSON_TYPE),
    "a container named create": ("POST", "/v1.41/containers/create/start"),
    "remove": ("DELETE", "/v1.41/containers/<APP>"),
    "kill": ("POST", "/v1.41/containers/<APP>/kill"),
    "rename": ("POST", "/v1.41/containers/<APP>/rename?name=x"),
    "update": ("POST", "/v1.41/containers/<APP>/update", "{}", JSON_TYPE),
    "attach": ("POST", "/v1.41/containers/<APP>/attach?stream=1"),
    "export": ("GET", "/v1.41/containers/<DB>/export"),
    "logs": ("GET", "/v1.41/containers/<DB>/logs?stdout=1"),
    "read an archive": ("GET", "/v1.41/containers/<DB>/archive?path=/etc"),
    "write an archive": ("PUT", "/v1.41/containers/<DB>/archive?path=/", "x"),
    "prune": ("POST", "/v1.41/containers/prune"),
    "build": ("POST", "/v1.41/build", "x"),
    "images": ("GET", "/v1.41/images/json"),
    "pull": ("POST", "/v1.41/images/create?fromImage=x"),
    "volumes": ("POST", "/v1.41/volumes/create", "{}", JSON_TYPE),
    "networks": ("GET", "/v1.41/networks"),
    "swarm": ("POST", "/v1.41/swarm/init", "{}", JSON_TYPE),
    "secrets": ("GET", "/v1.41/secrets"),
    "plugins": ("GET", "/v1.41/plugins"),
    "events": ("GET", "/v1.41/events"),
    "info": ("GET", "/v1.41/info"),
    "session": ("POST", "/v1.41/session", "", "Upgrade: h2c"),
    "resize an exec": ("POST", "/v1.41/exec/<EXEC>/resize?h=1&w=1"),
    "an exec's id in short": ("GET", "/v1.41/exec/abcdef/json"),
    # exec bodies
    "privileged": exec_with(exec_body(Privileged=True)),
    "privileged as a number": exec_with(exec_body(Privileged=1)),
    "privileged twice": exec_with(GOOD[:-1] + ', "Privileged": true}'),
    "privileged in another case": exec_with(GOOD[:-1] + ', "privileged": true}'),
    "privileged escaped": exec_with(GOOD[:-1] + ', "\\u0050rivileged": true}'),
    "privileged with a Kelvin-like letter": exec_with(GOOD[:-1] + ', "Priv\u0131leged": true}'),
    "privileged before": exec_with('{"PRIVILEGED": true, ' + GOOD[1:]),
    "another user": exec_with(exec_body(User="root")),
    "another user by number": exec_with(exec_body(User="0")),
    "the allowed user with a group": exec_with(exec_body(User="postgres:root")),
    "no user": exec_with(exec_body(User="")),
    "the user twice": exec_with(GOOD[:-1] + ', "User": "root"}'),
    "the user escaped": exec_with(GOOD.replace('"postgres"', '"\\u0072oot"')),
    "the user with a line end": exec_with(GOOD.replace('"postgres"', '"postgres\\n"')),
    "a user who begins as the allowed one": exec_with(exec_body(User="postgres2")),
    "a terminal": exec_with(exec_body(Tty=True)),
    "standard input": exec_with(exec_body(AttachStdin=True)),
    "detach keys": exec_with(exec_body(detachKeys="ctrl-a")),
    "a working directory": exec_with(exec_body(WorkingDir="/")),
    "a shell": exec_with(exec_body(Cmd=["sh", "-c", "id"])),
    "a program by its path": exec_with(exec_body(Cmd=["/tmp/psql"])),
    "a program that begins as an allowed one": exec_with(exec_body(Cmd=["psqlx"])),
    "a command as one string": exec_with(exec_body(Cmd="psql")),
    "no command": exec_with(exec_body(Cmd=[])),
    "the command twice": exec_with(GOOD[:-1] + ', "Cmd": ["sh"]}'),
    "the command again in lower case": exec_with(GOOD[:-1] + ', "cmd": ["sh"]}'),
    "an argument that is a list": exec_with(exec_body(Cmd=["psql", ["x"]])),
    "LD_PRELOAD": exec_with(exec_body(Env=["LD_PRELOAD=/tmp/x.so"])),
    "PATH": exec_with(exec_body(Env=["PGAPPNAME=x", "PATH=/tmp"])),
    "a loader's path after one that is allowed": exec_with(
        exec_body(Env=["LC_ALL=C", "LD_LIBRARY_PATH=/tmp"])
    ),
    "a variable hidden in another case": exec_with(GOOD[:-1] + ', "env": ["LD_PRELOAD=/x"]}'),
    "a variable with a digit": exec_with(exec_body(Env=["PG1=x"])),
    "a variable's name that goes on after a line end": exec_with(
        exec_body(Env=["PGAPPNAME\nLD_PRELOAD=/x"])
    ),
    "no space after the colons": exec_with(GOOD.replace(": ", ":")),
    "a space before": exec_with(f" {GOOD}"),
    "a line end after": exec_with(f"{GOOD}\n"),
    "a second value after": exec_with(f'{GOOD}{{"Privileged": true}}'),
    "a byte-order mark": exec_with(f"\ufeff{GOOD}"),
    "no JSON": exec_with("Privileged=true"),
    "no body": ("POST", EXEC),
    "a body too long to be read": exec_with(exec_body(Cmd=["psql", "x" * 70_000])),
    "a body that begins well and is too long": exec_with(GOOD + " " * 70_000 + "x"),
    "a chunked body": (
        "POST",
        EXEC,
        f"{len(GOOD):x}\r\n{GOOD}\r\n0\r\n\r\n",
        JSON_TYPE,
        "Transfer-Encoding: chunked",
    ),
    "an exec start with a terminal": (
        "POST",
        "/v1.41/exec/<EXEC>/start",
        '{"Detach": false, "Tty": true}',
        JSON_TYPE,
    ),
    "an exec start that upgrades": (
        "POST",
        "/v1.41/exec/<EXEC>/start",
        '{"Detach": false, "Tty": false}',
        JSON_TYPE,
        "Upgrade: tcp",
    ),
    # queries, paths, methods and versions
    "a start with host settings, as version 1.22 takes it": (
        "POST",
        "/v1.22/containers/<APP>/start",
        '{"Privileged": true, "Binds": ["/:/host"]}',
        JSON_TYPE,
    ),
    "a start with a body": ("POST", "/v1.41/containers/<APP>/start", '{"a": "bcdefg"}', JSON_TYPE),
    "a start from a checkpoint": ("POST", "/v1.41/containers/<APP>/start?checkpoint=x"),
    "a stop with another signal": ("POST", "/v1.41/containers/<APP>/stop?t=1&signal=KILL"),
    "a stop with an encoded query": ("POST", "/v1.41/containers/<APP>/stop?%74=1"),
    "a look with sizes": ("GET", "/v1.41/containers/<DB>/json?size=1"),
    "an old version": ("GET", "/v1.12/containers/json"),
    "two versions": ("GET", "/v1.41/v1.41/containers/json"),
    "a double slash": ("GET", "//v1.41/containers/<OTHER>/json"),
    "a double slash inside": ("GET", "/v1.41//containers/<APP>/json"),
    "dots": ("GET", "/v1.41/containers/<APP>/../<OTHER>/json"),
    "encoded dots": ("GET", "/v1.41/containers/<APP>/%2e%2e/<OTHER>/json"),
    "an encoded slash": ("GET", "/v1.41/containers/<APP>%2f..%2f<OTHER>/json"),
    "an encoded letter": ("GET", "/v1.41/containers/<APP>/%6ason"),
    "a backslash": ("GET", "/v1.41/containers/<APP>\\..\\<OTHER>/json"),
    "a slash at the end": ("GET", "/v1.41/containers/<APP>/json/"),
    "an encoded line end": ("GET", "/v1.41/containers/<APP>/json%0a"),
    "a semicolon": ("GET", "/v1.41/containers/<APP>;x/json"),
    "capitals": ("GET", "/v1.41/Containers/<APP>/json"),
    "an absolute target": ("GET", "http://docker/v1.41/images/json"),
    "an absolute target of an allowed path": ("GET", "http://docker/v1.41/containers/json"),
    "the beginning of a name": ("GET", "/v1.41/containers/<APP"),
    "a method that is not meant": ("POST", "/v1.41/containers/<APP>/json"),
    "a method in lower case": ("post", "/v1.41/containers/<APP>/start"),
    "another method": ("PATCH", "/v1.41/containers/<APP>/start"),
    "a look by HEAD": ("HEAD", "/v1.41/containers/<APP>/json"),
    "OPTIONS": ("OPTIONS", "*"),
}  # fmt: skip


@pytest.mark.parametrize("name", ALLOWED)
def test_what_the_adapter_needs_is_let_through(name: str, rig: Rig) -> None:
    method, target, *rest = ALLOWED[name]
    answer = talk(rig.proxy, compose(method, rig.fill(target), *rest))
    assert status(answer) in {200, 201, 204, 304}, answer


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_adapter_does_not_need_is_refused_in_dockers_words(name: str, rig: Rig) -> None:
    method, target, *rest = REFUSED[name]
    answer = talk(rig.proxy, compose(method, rig.fill(target), *rest))
    assert status(answer) in {400, 403}, answer
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"server: docker" not in head.lower(), "the engine has seen it"
    if method != "HEAD":
        assert "proxy" in json.loads(body)["message"]


RAW_REFUSED = {
    "two lengths": b"POST /v1.41/containers/<APP>/start HTTP/1.1\r\nHost: d\r\n"
    b"Content-Length: 0\r\nContent-Length: 44\r\n\r\n",
    "a length and chunks": b"POST /v1.41/containers/<APP>/start HTTP/1.1\r\nHost: d\r\n"
    b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks under another spelling": b"POST /v1.41/containers/<APP>/start HTTP/1.1\r\nHost: d\r\n"
    b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "chunks twice": b"POST /v1.41/containers/<APP>/start HTTP/1.1\r\nHost: d\r\n"
    b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "a zero byte in the path": b"GET /v1.41/containers/<APP>/json\x00 HTTP/1.1\r\nHost: d\r\n\r\n",
    "a space in the target": b"GET /v1.41/containers/<APP>/json /x HTTP/1.1\r\nHost: d\r\n\r\n",
    "HTTP/2 from the first byte": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/0.9": b"GET /v1.41/images/json\r\n\r\n",
    "no HTTP at all": b"\x16\x03\x01\x00\x00\r\n\r\n",
}


@pytest.mark.parametrize("name", RAW_REFUSED)
def test_malformed_requests_never_reach_the_engine(name: str, rig: Rig) -> None:
    request = rig.fill(RAW_REFUSED[name].decode("latin-1")).encode("latin-1")
    answer = talk(rig.proxy, request)
    assert status(answer) in {0, 400, 403}, answer
    assert b"Docker/" not in answer


def test_a_request_hidden_in_a_body_is_refused_like_any_other(rig: Rig) -> None:
    hidden = compose("GET", "/v1.41/images/json").decode()
    answer = talk(rig.proxy, compose("GET", "/_ping", hidden))
    assert re.findall(rb"HTTP/1\.[01] (\d+)", answer) == [b"403"]


def test_each_request_of_a_connection_is_judged_by_itself(rig: Rig) -> None:
    first = b"GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n"
    answer = talk(rig.proxy, first + compose("GET", "/v1.41/images/json"))
    assert re.findall(rb"HTTP/1\.[01] (\d+)", answer) == [b"200", b"403"]


def test_bytes_after_an_exec_start_are_not_taken_for_a_request_to_the_engine(rig: Rig) -> None:
    created = talk(rig.proxy, compose("POST", rig.fill(EXEC), GOOD, JSON_TYPE))
    exec_id = json.loads(created.partition(b"\r\n\r\n")[2])["Id"]
    start = compose(
        "POST", f"/v1.41/exec/{exec_id}/start", '{"Detach": false, "Tty": false}', JSON_TYPE
    )
    start = start.replace(b"Connection: close\r\n", b"")
    answer = talk(rig.proxy, start + compose("GET", "/v1.41/images/json"))
    assert b"psql (PostgreSQL)" in answer
    assert b"RepoTags" not in answer


def test_the_attack_on_a_start_would_work_without_the_proxy(
    containers: Containers, engine: DockerClient
) -> None:
    """Versions before 1.24 take host settings with a start: what the proxy's rule is good for."""
    if tuple(map(int, engine.version()["MinAPIVersion"].split("."))) > (1, 22):
        pytest.skip("this engine no longer speaks version 1.22")
    app = containers.application(running=False)
    body = '{"ReadonlyRootfs": true}'
    target = f"/v1.22/containers/{app.name}/start"
    assert status(talk(engine_socket(), compose("POST", target, body, JSON_TYPE))) == 204
    app.reload()
    assert app.attrs["HostConfig"]["ReadonlyRootfs"] is True


def test_the_attacks_on_the_body_would_work_without_the_proxy(rig: Rig) -> None:
    for name in ("privileged twice", "privileged in another case", "privileged escaped"):
        method, target, *rest = REFUSED[name]
        answer = talk(engine_socket(), compose(method, rig.fill(target), *rest))
        exec_id = json.loads(answer.partition(b"\r\n\r\n")[2])["Id"]
        look = talk(engine_socket(), compose("GET", f"/v1.41/exec/{exec_id}/json"))
        assert b'"privileged":true' in look, name


def test_an_engine_that_is_away_is_told_in_dockers_words(rig: Rig) -> None:
    with running_proxy([rig.database], [rig.database], engine="/nonexistent.sock") as proxy:
        answer = talk(proxy, compose("GET", "/_ping"))
    assert status(answer) == 503
    assert "does not reach the engine" in json.loads(answer.partition(b"\r\n\r\n")[2])["message"]


def test_without_any_names_no_container_is_allowed(rig: Rig) -> None:
    with running_proxy([], []) as proxy:
        for target in (f"/containers/{rig.database}/json", "/containers//json"):
            assert status(talk(proxy, compose("GET", target))) == 403
        assert status(talk(proxy, compose("GET", "/_ping"))) == 200
