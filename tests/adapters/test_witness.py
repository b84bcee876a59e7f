"""The second witness gets every head, over a real file and a real socket, and nobody waits."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bot.adapters.witness import FileWitness, PatientWitness, WebhookWitness
from bot.core.audit import Head
from bot.core.errors import WitnessUnavailable
from bot.core.heads import line_of, read_lines
from tests.adapters.audit import START


def head(entry: int = 17, run: str = "44d494fb") -> Head:
    return Head(START, run, entry, f"{entry:064x}")


class Service:
    """A web service that keeps what it is posted; `status` is its answer."""

    def __init__(self) -> None:
        self.status, self.location = 200, ""
        self.taken: list[tuple[str, dict[str, str], bytes]] = []
        self.held = threading.Event()
        self.held.set()
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                service.taken.append((self.path, dict(self.headers), body))
                service.held.wait(10)
                self.send_response(service.status)
                if service.location:
                    self.send_header("Location", service.location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self) -> None:
                self.do_POST()  # where a redirect would lead

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook/secret-part"

    def close(self) -> None:
        self.held.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    made = Service()
    yield made
    made.close()


def eventually(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.005)


def test_each_head_is_a_line_added_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "heads.txt"
    path.write_text("# kept by hand\n")
    FileWitness(path).take(head(3))
    FileWitness(path).take(head(9))
    assert path.read_text().splitlines() == ["# kept by hand", line_of(head(3)), line_of(head(9))]


def test_lines_of_many_at_once_do_not_mix(tmp_path: Path) -> None:
    witness = FileWitness(tmp_path / "heads.txt")
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(witness.take, map(head, range(1, 201))))
    lines = (tmp_path / "heads.txt").read_text().splitlines()
    assert sorted(h.entry for h in read_lines(lines)) == list(range(1, 201))


def test_a_file_that_cannot_be_appended_to_is_named_with_the_reason(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.txt"
    elsewhere.touch()
    (tmp_path / "link").symlink_to(elsewhere)
    for name, reason in (("gone/heads.txt", "No such file"), ("", "directory"), ("link", "link")):
        with pytest.raises(WitnessUnavailable, match=reason):
            FileWitness(tmp_path / name).take(head())
    assert elsewhere.read_text() == ""


def test_a_pipe_nobody_reads_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(WitnessUnavailable):
        FileWitness(tmp_path / "pipe").take(head())


def test_a_webhook_is_posted_the_head_as_json(service: Service) -> None:
    WebhookWitness(service.url).take(head())
    [(path, headers, body)] = service.taken
    told = json.loads(body)
    assert (path, headers["Content-Type"]) == ("/hook/secret-part", "application/json")
    assert (told["run"], told["entry"], told["head"]) == ("44d494fb", 17, f"{17:064x}")
    assert list(read_lines([told["line"]])) == [head()]
    assert told["text"].endswith(told["line"])


@pytest.mark.parametrize("status", [302, 308, 404, 500])
def test_any_answer_but_success_is_none_and_a_redirect_is_not_followed(
    service: Service, status: int
) -> None:
    service.status, service.location = status, service.url
    with pytest.raises(WitnessUnavailable, match=f"127.0.0.1: it answered {status}"):
        WebhookWitness(service.url).take(head())
    assert len(service.taken) == 1


def test_nothing_of_the_webhooks_address_but_its_host_is_repeated(service: Service) -> None:
    service.close()
    with pytest.raises(WitnessUnavailable) as caught:
        WebhookWitness(service.url).take(head())
    assert "Connection refused" in str(caught.value)
    assert "secret-part" not in f"{caught.value}{WebhookWitness(service.url)!r}"


def test_a_webhook_that_does_not_answer_is_given_up(service: Service) -> None:
    service.held.clear()
    began = time.monotonic()
    with pytest.raises(WitnessUnavailable, match="timed out"):
        WebhookWitness(service.url, timeout=0.1).take(head())
    assert time.monotonic() - began < 2


def test_nobody_waits_for_a_witness_that_does_not_answer(service: Service) -> None:
    service.held.clear()
    witness = PatientWitness(WebhookWitness(service.url), lambda *_: None)
    began = time.monotonic()
    for number in range(1, 50):
        witness.note(head(number))
    witness.close(0.2)
    assert time.monotonic() - began < 1


def test_a_witness_that_comes_back_gets_every_head_in_order_and_each_trouble_was_told_once(
    tmp_path: Path,
) -> None:
    troubles: list[tuple[int, str]] = []
    path = tmp_path / "share" / "heads.txt"
    witness = PatientWitness(
        FileWitness(path), lambda h, why: troubles.append((h.entry, why)), first_wait=0.01
    )
    for number in (3, 5):
        witness.note(head(number))
    eventually(lambda: len(troubles) == 2)
    time.sleep(0.05)  # it is tried again meanwhile, and nothing new is told
    path.parent.mkdir()
    eventually(lambda: path.exists() and len(path.read_text().splitlines()) == 2)
    witness.close(1)
    assert [h.entry for h in read_lines(path.read_text().splitlines())] == [3, 5]
    assert troubles == [(3, f"{path}: No such file or directory"), (5, troubles[0][1])]


def test_closing_hands_over_what_waits_and_names_what_it_could_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    well = PatientWitness(FileWitness(tmp_path / "heads.txt"), lambda *_: None)
    well.note(head(3))
    well.close(2)
    assert (tmp_path / "heads.txt").read_text() == f"{line_of(head(3))}\n"
    away = PatientWitness(FileWitness(tmp_path / "gone" / "heads.txt"), lambda *_: None)
    away.note(head(4))
    with caplog.at_level(logging.ERROR):
        away.close(0.1)
    assert f"never took the head of entry 4: {head(4).hash}" in caplog.text


def test_a_listener_that_fails_does_not_stop_the_witness(tmp_path: Path) -> None:
    path = tmp_path / "share" / "heads.txt"
    failed = threading.Event()

    def fails(kept: Head, why: str) -> None:
        failed.set()
        raise RuntimeError(why)

    witness = PatientWitness(FileWitness(path), fails, first_wait=0.01)
    witness.note(head(3))
    assert failed.wait(5)
    path.parent.mkdir()
    eventually(path.exists)
    witness.close(1)
    assert path.read_text() == f"{line_of(head(3))}\n"
