"""Reading a dump where it lies: in the database's container, with the server's own pg_restore."""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from posixpath import normpath

from bot.core.cron import CronJob, cron_jobs
from bot.core.dump_scan import CATALOG_SCHEMAS, DumpScan
from bot.core.errors import Refused
from bot.core.grants import parse_grants
from bot.core.manifest import Manifest, copy_blocks, parse_manifest
from bot.core.models import BackupFile
from bot.core.ports import ContainerHost, ExecResult, OnChunk, Stream
from bot.core.toc import Toc, parse_toc

MAGIC = b"PGDMP"
"""What a custom-format dump begins with."""

PLAIN = {"LC_ALL": "C", "TZ": "UTC"}
"""The environment of programs whose output is read: English and UTC, whatever the image speaks."""

# No -L: a link is looked at, not followed. The change time cannot be set by anybody but root.
# Not the device: a container whose server died and was started again has another one.
_STAT = "%f %U %G %i:%s:%y:%z"

_ERRORS_KEPT, _ERRORS_SHOWN = 4096, 300
_MOST_LINKS = 40
"""As many as Linux follows. Source: path_resolution(7)."""

_SHA256 = re.compile(r"^\\?([0-9a-f]{64})\b")


_CATALOG = ("--data-only", *(f"--schema={schema}" for schema in CATALOG_SCHEMAS), "--file=-")
"""pg_restore's options for TimescaleDB's catalog alone."""


@dataclass(frozen=True, slots=True)
class FilePermissions:
    """Who may write a file of the container, whether it is a file, and which bytes it holds.

    ``stamp`` has inode, size and both times: it differs after any change.
    """

    mode: int
    owner: str
    group: str
    regular: bool = True
    stamp: str = ""

    @property
    def writable_by_others(self) -> bool:
        """Whether anybody but the owner may write it."""
        return bool(self.mode & 0o022)


@dataclass(frozen=True, slots=True)
class FileSystem:
    """A file system of the container: where it is mounted, and the bytes free on it."""

    mounted: str
    free: int


@dataclass(frozen=True, slots=True)
class DumpReader:
    """Reads dumps through one container.

    Args:
        host: the engine.
        container_id: the database's container.
        user: the user to run as in the container.
    """

    host: ContainerHost
    container_id: str
    user: str

    def toc(self, path: str) -> Toc:
        """Return the table of contents.

        Raises:
            Refused: pg_restore cannot read the file's head.
        """
        result = self._run("pg_restore", "--list", path)
        if result.exit_code != 0:
            raise Refused(
                "unreadable_dump", f"pg_restore cannot read {_file(path)}: {_said(result)}"
            )
        return parse_toc(result.stdout)

    def read(self, path: str, *, count_rows: bool = True) -> Manifest:
        """Read the whole dump once and return what it holds; no row is kept, logged or shown.

        ``--list`` alone accepts truncated and damaged files.

        Args:
            path: the file.
            count_rows: False reads the rows inside the container only, and does not count them:
                for a large dump on an engine that is far away.

        Raises:
            Refused: the file is cut short or damaged, or its rows are INSERT statements.
        """
        scan = DumpScan()
        if count_rows:
            self._stream(path, scan, "--file=-")
        else:
            self._stream(path, scan, "--file=/dev/null")
            self._stream(path, scan, "--schema-only", "--file=-")
            self._stream(path, scan, *_CATALOG)
        scan.end()
        if scan.uncounted:
            raise Refused(
                "inserts_dump",
                f"{_file(path)} holds rows as INSERT statements, which cannot be counted and "
                "compared; make it with pg_dump -Fc, without --inserts.",
            )
        rows = scan.rows if count_rows else None
        return replace(parse_manifest(scan.catalog), rows=rows, grants=parse_grants(scan.acl))

    def catalog(self, path: str) -> Manifest:
        """Return what the dump's TimescaleDB catalog says, without reading the rest.

        Raises:
            Refused: the file is cut short or damaged there.
        """
        scan = DumpScan()
        self._stream(path, scan, *_CATALOG)
        scan.end()
        return parse_manifest(scan.catalog)

    def _stream(self, path: str, scan: DumpScan, *options: str) -> None:
        errors = bytearray()

        def take(stream: Stream, data: bytes) -> None:
            if stream is Stream.OUT:
                scan.feed(data)
            else:
                errors[:] = (errors + data)[-_ERRORS_KEPT:]

        result = self._run("pg_restore", *options, path, on_chunk=take)
        if result.exit_code != 0:
            lines = errors.decode("utf-8", "replace").split("\n")
            why = " ".join(line for line in lines if line)[-_ERRORS_SHOWN:]
            raise Refused(
                "damaged_dump",
                f"{_file(path)} is cut short or damaged: {why or 'pg_restore gave no reason'}. "
                "Choose another backup.",
            )

    def cron_jobs(self, path: str) -> tuple[CronJob, ...]:
        """Return the dump's jobs of pg_cron, without their history."""
        options = ("--data-only", "--schema=cron", "--table=job", "--file=-")
        result = self._run("pg_restore", *options, path)
        if result.exit_code != 0:
            raise Refused(
                "unreadable_dump", f"pg_restore cannot read {_file(path)}: {_said(result)}"
            )
        return cron_jobs(row for _, rows in copy_blocks(result.stdout) for row in rows)

    def sha256(self, path: str) -> str:
        """Return the file's SHA-256 in hexadecimal."""
        result = self._run("sha256sum", path)
        match = _SHA256.match(result.stdout)
        if result.exit_code != 0 or match is None:
            raise Refused(
                "unreadable_dump", f"sha256sum cannot read {_file(path)}: {_said(result)}"
            )
        return match[1]

    def permissions(self, path: str) -> FilePermissions:
        """Return mode, owner and group of a file or directory; a link is not followed.

        Raises:
            Refused: it is not there, or may not be looked at.
        """
        result = self._run("stat", "-c", _STAT, path)
        if result.exit_code != 0 or result.stdout.count(" ") < 3:
            raise Refused("unreadable_backup_dir", f"stat cannot read {path}: {_said(result)}")
        return _permissions(result.stdout.strip())

    def routes(self, path: str) -> tuple[str, ...]:
        """Return a path and what it becomes with one link after the other resolved.

        Raises:
            Refused: a part of it is not there, or its links lead in a circle.
        """
        found = [path]
        while len(found) <= _MOST_LINKS:
            further = self._without_first_link(found[-1])
            if not further:
                return tuple(found)
            found.append(further)
        raise Refused("unreadable_path", f"the links in {path} lead in a circle.")

    def _without_first_link(self, path: str) -> str:
        """Return a path with the first of its links resolved, empty where it has none."""
        places = [*reversed(PurePosixPath(path).parents), PurePosixPath(path)]
        result = self._run("stat", "-c", "%f %N", *map(str, places))
        lines = result.stdout.splitlines()
        if result.exit_code != 0 or len(lines) != len(places):
            raise Refused("unreadable_path", f"stat cannot read {path}: {_said(result)}")
        for place, line in zip(places, lines, strict=True):
            mode, _, shown = line.partition(" ")
            if stat.S_ISLNK(int(mode, 16)):
                leads_to = place.parent / _link_target(str(place), shown)
                return normpath(leads_to / PurePosixPath(path).relative_to(place))
        return ""

    def resolved(self, *paths: str) -> tuple[tuple[str, FilePermissions], ...]:
        """Return mode, owner and group of each path, of what it leads to where it is a link.

        Raises:
            Refused: one of them is not there, or may not be looked at.
        """
        result = self._run("stat", "-L", "-c", _STAT, *paths)
        lines = result.stdout.splitlines()
        if result.exit_code != 0 or len(lines) != len(paths):
            raise Refused("unreadable_path", f"stat cannot read {paths[0]}: {_said(result)}")
        return tuple((path, _permissions(line)) for path, line in zip(paths, lines, strict=True))

    def file_systems(self, *paths: str) -> tuple[FileSystem, ...]:
        """Return the file system that each path is on, links followed, as `df -P` shows it.

        Raises:
            Refused: the free space cannot be read.
        """
        result = self._run("df", "-Pk", *paths)
        found = tuple(map(_file_system, result.stdout.splitlines()[1:]))
        if result.exit_code != 0 or len(found) != len(paths) or None in found:
            raise Refused("unreadable_disk", f"df cannot read {paths[0]}: {_said(result)}")
        return tuple(at for at in found if at is not None)

    def remove(self, path: str) -> None:
        """Remove a file of ours; a missing one is fine."""
        self._run("rm", "-f", "--", path)

    def _run(self, *argv: str, on_chunk: OnChunk | None = None) -> ExecResult:
        return self.host.execute(
            self.container_id, argv, user=self.user, env=PLAIN, on_chunk=on_chunk
        )


def _permissions(line: str) -> FilePermissions:
    mode, owner, group, stamp = line.split(" ", 3)
    bits = int(mode, 16)
    return FilePermissions(stat.S_IMODE(bits), owner, group, stat.S_ISREG(bits), stamp)


def _link_target(place: str, shown: str) -> str:
    """Return where a link leads, from `stat`'s ``'link' -> 'target'``, quoted or not.

    Raises:
        Refused: the names have characters that are written differently.
    """
    for quote in ("'", ""):
        before = f"{quote}{place}{quote} -> {quote}"
        if shown.startswith(before) and shown.endswith(quote):
            return shown.removeprefix(before).removesuffix(quote)
    raise Refused("unreadable_path", f"the link {place} cannot be followed; name what it leads to.")


def _file_system(line: str) -> FileSystem | None:
    columns = line.split(None, 5)
    if len(columns) < 6 or not columns[3].isdigit():
        return None
    return FileSystem(columns[5], int(columns[3]) * 1024)


def _file(path: str) -> str:
    """Return a file's name: people know the backup directory, and sentences are cut to fit."""
    return path.rpartition("/")[2]


def _said(result: ExecResult) -> str:
    lines = (result.stderr or result.stdout).strip().splitlines()
    return lines[-1] if lines else f"exit code {result.exit_code}, no message"


def refuse_wrong_format(file: BackupFile, head: bytes) -> None:
    """Refuse what is not a custom-format dump, by its first bytes.

    Raises:
        Refused: a directory, a plain SQL file, a tar file or something else.
    """
    if file.directory:
        raise Refused(
            "wrong_format",
            f"{file.name} is a directory; a dump in custom format (pg_dump -Fc) is one file.",
        )
    if not head.startswith(MAGIC):
        raise Refused(
            "wrong_format",
            f"{file.name} is not a dump in custom format; make it with pg_dump -Fc. "
            "Plain SQL and tar files cannot be restored here.",
        )
