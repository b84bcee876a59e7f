"""The adapter without an engine: its parsing, and what it makes of an engine that misbehaves."""

import http.server
import io
import ipaddress
import itertools
import json
import socket
import socketserver
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.docker_host import DockerHost, TlsFiles, host
from bot.adapters.docker_host.lookup import by_id, listed, one
from bot.adapters.docker_host.output import LINE_LENGTH, HandedOn, Kept, LineSplitter, frames
from bot.core.errors import ContainerNotFound, EngineRefused, EngineUnavailable
from bot.core.models import ContainerRef
from bot.core.ports.containers import Stream

ID = "ab" * 32
EXEC = "cd" * 32
Key = ec.EllipticCurvePrivateKey


def frame(stream: int, data: bytes) -> bytes:
    return struct.pack(">BxxxL", stream, len(data)) + data


# Lines


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(min(c, len(data)) for c in cuts), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=8))
def test_lines_do_not_depend_on_where_the_bytes_were_cut(data: bytes, cuts: list[int]) -> None:
    splitter = LineSplitter()
    lines = [line for piece in cut(data, cuts) for line in splitter.feed(piece)]
    text = data.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    expected = text.split("\n")
    assert lines + splitter.end() == (expected if expected[-1] else expected[:-1])


def test_a_letter_cut_in_two_is_put_together() -> None:
    splitter = LineSplitter()
    first, second = "한\n".encode()[:2], "한\n".encode()[2:]
    assert splitter.feed(first) == []
    assert splitter.feed(second) == ["한"]


def test_carriage_returns_end_lines_and_form_feeds_do_not() -> None:
    assert LineSplitter().feed(b"10%\r20%\r\na\x0cb\xe2\x80\xa8c\n") == [
        "10%",
        "20%",
        "a\x0cb\u2028c",
    ]


def test_a_line_without_end_is_handed_on_in_pieces() -> None:
    splitter = LineSplitter()
    pieces = [line for _ in range(20) for line in splitter.feed(b"x" * 10_000)]
    assert [len(piece) for piece in pieces] == [LINE_LENGTH] * (200_000 // LINE_LENGTH)
    assert sum(map(len, pieces + splitter.end())) == 200_000


def test_each_output_has_its_own_lines() -> None:
    seen: list[tuple[Stream, str]] = []
    sink = HandedOn(lambda stream, line: seen.append((stream, line)))
    sink.feed(Stream.OUT, b"o")
    sink.feed(Stream.ERR, b"e\nf")
    sink.feed(Stream.OUT, b"ut\n")
    assert sink.end() == ("", "")
    assert seen == [(Stream.ERR, "e"), (Stream.OUT, "out"), (Stream.ERR, "f")]


def test_kept_output_is_returned_as_it_came_up_to_the_limit() -> None:
    kept = Kept(limit=6)
    kept.feed(Stream.OUT, b"a\r\nb")
    kept.feed(Stream.ERR, b"\xff")
    assert kept.end() == ("a\r\nb", "\ufffd")
    with pytest.raises(EngineRefused):
        kept.feed(Stream.OUT, b"xy")


def test_frames_are_told_apart() -> None:
    stream = io.BytesIO(frame(1, b"out") + frame(2, b"") + frame(2, b"err"))
    assert list(frames(stream.read)) == [(Stream.OUT, b"out"), (Stream.ERR, b"err")]


@pytest.mark.parametrize("broken", [b"\x01\x00", frame(1, b"abc")[:-1], frame(7, b"x")])
def test_a_broken_frame_is_a_broken_connection(broken: bytes) -> None:
    with pytest.raises(EngineUnavailable):
        list(frames(io.BytesIO(frame(1, b"fine") + broken).read))


# Which container


def row(name: str, service: str = "", project: str = "", **labels: str) -> dict[str, Any]:
    compose = {"com.docker.compose.service": service, "com.docker.compose.project": project}
    return {
        "Id": name.ljust(64, "0"),
        "Names": [f"/other/{name}", f"/{name}"],
        "Labels": {**(compose if service else {}), **labels},
    }


ROWS = [
    listed(each)
    for each in (
        row("shop-db-1", "db", "shop"),
        row("blog-db-1", "db", "blog"),
        row("shop-web-1", "web", "shop"),
        row("shop-web-run-1", "web", "shop", **{"com.docker.compose.oneoff": "True"}),
        row("plain"),
        {"Id": "f" * 64, "Names": None, "Labels": None},
    )
]


@pytest.mark.parametrize(
    ("ref", "name"),
    [
        (ContainerRef(name="plain"), "plain"),
        (ContainerRef(name="shop-db-1"), "shop-db-1"),
        (ContainerRef(service="db", project="blog"), "blog-db-1"),
        (ContainerRef(service="web"), "shop-web-1"),
    ],
)
def test_a_reference_means_one_container(ref: ContainerRef, name: str) -> None:
    assert one(ROWS, ref).name == name


@pytest.mark.parametrize(
    ("ref", "sentence"),
    [
        (ContainerRef(name="plian"), "there is no container named 'plian'; near names: plain"),
        (ContainerRef(name="plai"), "there is no container named 'plai'; near names: plain"),
        (ContainerRef(name="zzz"), "there is no container named 'zzz'"),
        (
            ContainerRef(service="dv", project="shop"),
            "there is no container of Compose service 'dv' in project 'shop'; near names: "
            "shop/db, shop/web",
        ),
        (
            ContainerRef(service="db"),
            "of Compose service 'db' is not one container but 2: blog-db-1, shop-db-1",
        ),
        (ContainerRef(), "there is no container of Compose service ''"),
    ],
)
def test_a_reference_that_means_none_or_several_says_what_is_near(
    ref: ContainerRef, sentence: str
) -> None:
    with pytest.raises(ContainerNotFound) as caught:
        one(ROWS, ref)
    assert str(caught.value) == sentence


def test_the_beginning_of_an_id_is_not_the_container() -> None:
    with pytest.raises(ContainerNotFound, match="gone"):
        by_id(ROWS, ROWS[0].id[:12])


# An engine that misbehaves, behind a real socket

Answer = tuple[int, object]
Script = Callable[[str, str], Answer]
Wrap = Callable[[socket.socket], socket.socket]


def well(method: str, path: str) -> Answer:
    """Answer as an engine with one container, whose processes print "fine" and end with 0."""
    if path.endswith("/version"):
        return 200, {"Version": "27.0", "ApiVersion": "1.41"}
    if path.startswith("/v1.41/containers/json"):
        return 200, [{"Id": ID, "Names": ["/db"], "Labels": {}}]
    if path == "/v1.41/containers/db/exec":
        return 201, {"Id": EXEC}
    if path == f"/v1.41/exec/{EXEC}/start":
        return 200, frame(1, b"fine\n")
    if path == f"/v1.41/exec/{EXEC}/json":
        return 200, {"Running": False, "ExitCode": 0}
    return 404, {"message": f"no route {method} {path}"}


def but(part: str, answer: Answer) -> Script:
    """Answer well, except where *part* is in the path."""
    return lambda method, path: answer if part in path else well(method, path)


@contextmanager
def serving(script: Script, wrap: Wrap = lambda plain: plain) -> Iterator[str]:
    """Serve a script on a loopback port; yield ``host:port``."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, body = script(self.command, self.path)
            self.send_response(status)
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            if not isinstance(body, bytes):
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
            self.close_connection = isinstance(body, bytes)  # a stream lasts until the end
            # Headers and the first frame in one write: what arrives together must not be lost.
            self._headers_buffer.extend((b"\r\n", data))  # type: ignore[attr-defined]
            self.flush_headers()

        do_GET = do_POST = answer  # noqa: N815 # http.server's names

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

        def get_request(self) -> tuple[socket.socket, Any]:
            connection, address = super().get_request()
            return wrap(connection), address

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # clients that hang up are meant

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def against(script: Script, timeout: float = 5) -> Iterator[DockerHost]:
    with serving(script) as address:
        adapter = DockerHost(f"tcp://{address}", timeout=timeout)
        try:
            yield adapter
        finally:
            adapter.close()


def test_a_frame_that_arrives_with_the_headers_is_not_lost() -> None:
    with against(well) as adapter:
        assert adapter.execute(ID, ["psql"]).stdout == "fine\n"


def test_output_that_breaks_off_inside_a_frame_is_no_success() -> None:
    broken = frame(1, b"half")[:-2]
    with (
        against(but("/start", (200, broken))) as adapter,
        pytest.raises(EngineUnavailable, match="broke off"),
    ):
        adapter.execute(ID, ["psql"])


def test_output_that_ends_while_the_process_runs_on_is_no_success(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(host, "_END_WITHIN_S", 0.2)
    script = but(f"{EXEC}/json", (200, {"Running": True, "ExitCode": None}))
    with against(script) as adapter, pytest.raises(EngineUnavailable, match="may still be running"):
        adapter.execute(ID, ["pg_restore"])


def test_a_process_that_ends_a_little_after_its_output_is_waited_for() -> None:
    states = iter([(True, None), (True, None), (False, 3)])

    def slow(method: str, path: str) -> Answer:
        if path.endswith(f"{EXEC}/json"):
            running, code = next(states)
            return 200, {"Running": running, "ExitCode": code}
        return well(method, path)

    with against(slow) as adapter:
        assert adapter.execute(ID, ["psql"]).exit_code == 3


def test_an_engine_that_has_forgotten_the_process_was_away() -> None:
    script = but(f"{EXEC}/json", (404, {"message": "No such exec instance"}))
    with against(script) as adapter, pytest.raises(EngineUnavailable, match="restarted"):
        adapter.execute(ID, ["psql"])


def test_the_engines_own_message_is_told_when_it_refuses() -> None:
    script = but("/start", (500, {"message": "no space left on device"}))
    with against(script) as adapter, pytest.raises(EngineRefused, match=r"^no space left on dev"):
        adapter.execute(ID, ["psql"])


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_gateway_that_answers_for_the_engine_means_it_is_away(status: int) -> None:
    script = but("containers", (status, {"message": "nobody there"}))
    with against(script) as adapter, pytest.raises(EngineUnavailable, match="nobody there"):
        adapter.find(ContainerRef(name="db"))


def test_an_engine_that_does_not_answer_in_time_is_unavailable() -> None:
    gate = threading.Event()

    def hangs(method: str, path: str) -> Answer:
        if "containers" in path:
            gate.wait(10)
        return well(method, path)

    with against(hangs, timeout=0.3) as adapter:
        with pytest.raises(EngineUnavailable, match="timed out"):
            adapter.find(ContainerRef(name="db"))
        gate.set()


def test_an_engine_that_comes_back_is_used_again() -> None:
    answers: list[Script] = [but("", (503, {"message": "starting"})), well, well]
    with against(lambda method, path: answers[0](method, path)) as adapter:
        with pytest.raises(EngineUnavailable):
            adapter.ping()
        answers.pop(0)
        assert adapter.ping() == "27.0"


def certificate(
    directory: Path, name: str, issuer: tuple[x509.Certificate, Key] | None = None
) -> tuple[x509.Certificate, Key]:
    """Write ``name.pem`` and ``name-key.pem``, signed by the issuer or by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    signer = issuer[1] if issuer else key
    made = (
        x509.CertificateBuilder(issuer[0].subject if issuer else subject, subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False
        )
        .sign(signer, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (directory / f"{name}.pem").write_bytes(made.public_bytes(pem))
    (directory / f"{name}-key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return made, key


@pytest.fixture
def tls_engine(tmp_path: Path) -> Iterator[str]:
    """An engine that asks its clients for a certificate; the files are in ``tmp_path``."""
    authority = certificate(tmp_path, "ca")
    for name in ("server", "client"):
        certificate(tmp_path, name, authority)
    certificate(tmp_path, "stranger", certificate(tmp_path, "other-ca"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server-key.pem")
    context.load_verify_locations(tmp_path / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    with serving(well, lambda plain: context.wrap_socket(plain, server_side=True)) as address:
        yield f"tcp://{address}"


def files(directory: Path, ca: str, own: str) -> TlsFiles:
    names = (f"{ca}.pem", f"{own}.pem", f"{own}-key.pem")
    return TlsFiles(*(str(directory / name) for name in names))


def test_tcp_with_tls_trusts_the_authority_of_the_settings_alone(
    tls_engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "other-ca.pem"))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    adapter = DockerHost(tls_engine, tls=files(tmp_path, "ca", "client"))
    assert adapter.execute(ID, ["psql"]).stdout == "fine\n"
    adapter.close()


@pytest.mark.parametrize(("ca", "own"), [("other-ca", "client"), ("ca", "stranger")])
def test_tls_refuses_a_strange_engine_and_a_strange_client(
    tls_engine: str, tmp_path: Path, ca: str, own: str
) -> None:
    with pytest.raises(EngineUnavailable):
        DockerHost(tls_engine, tls=files(tmp_path, ca, own)).ping()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("scheme", ["tcp", "ssh"])
def test_nobody_listening_is_told_in_the_systems_words(scheme: str) -> None:
    url = f"{scheme}://127.0.0.1:{free_port()}"
    with pytest.raises(EngineUnavailable, match=f"{url} does not answer: .*(refused|connect)"):
        DockerHost(url).ping()


def test_a_missing_socket_is_named(tmp_path: Path) -> None:
    url = f"unix://{tmp_path}/none"
    with pytest.raises(EngineUnavailable, match=f"{url} does not answer: No such file"):
        DockerHost(url).find(ContainerRef(name="db"))


def test_an_engine_may_be_away_when_the_adapter_is_made(tmp_path: Path) -> None:
    adapter = DockerHost("tcp://127.0.0.1:1", tls=TlsFiles("none", "none", "none"))
    with pytest.raises(EngineUnavailable):
        adapter.ping()
