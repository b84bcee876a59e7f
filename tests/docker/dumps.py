"""Dumps in a container's /backup: good ones, and every kind a restore must refuse."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.docker.containers import DatabaseContainer
from tests.docker.sample import DATABASE

DIRECTORY = "/backup"


def take_dump(
    container: DatabaseContainer,
    dbname: str = DATABASE,
    name: str = "sample.dump",
    *,
    form: str = "custom",
) -> str:
    """Dump *dbname* as user postgres; *form* is pg_dump's format (custom, plain, directory)."""
    path = f"{DIRECTORY}/{name}"
    _run(container, "pg_dump", "-U", "postgres", f"--format={form}", f"--file={path}", dbname)
    return path


def truncated(container: DatabaseContainer, dump: str, name: str = "truncated.dump") -> str:
    """Copy the first two thirds of *dump*."""
    path = _copy(container, dump, name)
    _run(container, "truncate", f"--size={size(container, dump) * 2 // 3}", path)
    return path


def bit_flipped(container: DatabaseContainer, dump: str, name: str = "flipped.dump") -> str:
    """Copy *dump* with one bit turned over, three quarters into the file, where there is data."""
    path = _copy(container, dump, name)
    offset = size(container, dump) * 3 // 4
    byte = int(_run(container, "od", "-An", "-tu1", "-N1", f"-j{offset}", path))
    script = f"printf '\\{byte ^ 1:03o}' | dd of={path} bs=1 seek={offset} conv=notrunc"
    _run(container, "sh", "-c", script)
    return path


@contextmanager
def growing(container: DatabaseContainer, dump: str, name: str = "growing.dump") -> Iterator[str]:
    """Copy the first half of *dump* and let the copy grow until the block ends."""
    path = _copy(container, dump, name)
    going_on = f"/tmp/{name}.going-on"
    _run(container, "truncate", f"--size={size(container, dump) // 2}", path)
    _run(container, "touch", going_on)
    script = f"while [ -e {going_on} ]; do head -c 512 /dev/urandom >> {path}; sleep 0.1; done"
    container.container.exec_run(["sh", "-c", script], user="postgres", detach=True)
    try:
        yield path
    finally:
        _run(container, "rm", going_on)


def size(container: DatabaseContainer, path: str) -> int:
    """Return a file's size in bytes."""
    return int(_run(container, "stat", "-c", "%s", path))


def _copy(container: DatabaseContainer, dump: str, name: str) -> str:
    path = f"{DIRECTORY}/{name}"
    _run(container, "cp", dump, path)
    return path


def _run(container: DatabaseContainer, *argv: str) -> str:
    code, output = container.exec(*argv)
    if code != 0:
        raise RuntimeError(f"{argv[0]} ended with {code}: {output}")
    return output
