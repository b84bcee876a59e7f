"""Reading a dump where it lies: in the database's container, with the server's own pg_restore."""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass, replace

from bot.core.dump_scan import CATALOG_SCHEMAS, DumpScan
from bot.core.errors import Refused
from bot.core.grants import parse_grants
from bot.core.manifest import Manifest, parse_manifest
from bot.core.models import BackupFile
from bot.core.ports import ContainerHost, ExecResult, OnChunk, Stream
from bot.core.toc import Toc, parse_toc

MAGIC = b"PGDMP"
"""What a custom-format dump begins with."""

PLAIN = {"LC_ALL": "C", "TZ": "UTC"}
"""The environment of programs whose output is read: English and UTC, whatever the image speaks."""

# No -L: a link is looked at, not followed. The change time cannot be set by anybody but root.
_STAT = "%f %U %G %d:%i:%s:%y:%z"

_ERRORS_KEPT, _ERRORS_SHOWN = 4096, 300
_SHA256 = re.compile(r"^\\?([0-9a-f]{64})\b")


@dataclass(frozen=True, slots=True)
class FilePermissions:
    """Who may write a file of the container, whether it is a file, and which bytes it holds.

    ``stamp`` has device, inode, size and both times: it differs after any change.
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
            schemas = [f"--schema={schema}" for schema in CATALOG_SCHEMAS]
            self._stream(path, scan, "--data-only", *schemas, "--file=-")
        scan.end()
        if scan.uncounted:
            raise Refused(
                "inserts_dump",
                f"{_file(path)} holds rows as INSERT statements, which cannot be counted and "
                "compared; make it with pg_dump -Fc, without --inserts.",
            )
        rows = scan.rows if count_rows else None
        return replace(parse_manifest(scan.catalog), rows=rows, grants=parse_grants(scan.acl))

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
        parts = result.stdout.strip().split(" ", 3)
        if result.exit_code != 0 or len(parts) != 4:
            raise Refused("unreadable_backup_dir", f"stat cannot read {path}: {_said(result)}")
        mode = int(parts[0], 16)
        return FilePermissions(stat.S_IMODE(mode), parts[1], parts[2], stat.S_ISREG(mode), parts[3])

    def free_bytes(self, path: str) -> int:
        """Return the free bytes of the file system that a path is on, as `df -P` counts them."""
        result = self._run("df", "-Pk", path)
        columns = result.stdout.strip().rpartition("\n")[2].split()
        if result.exit_code != 0 or len(columns) < 4 or not columns[3].isdigit():
            raise Refused("unreadable_disk", f"df cannot read {path}: {_said(result)}")
        return int(columns[3]) * 1024

    def remove(self, path: str) -> None:
        """Remove a file of ours; a missing one is fine."""
        self._run("rm", "-f", "--", path)

    def _run(self, *argv: str, on_chunk: OnChunk | None = None) -> ExecResult:
        return self.host.execute(
            self.container_id, argv, user=self.user, env=PLAIN, on_chunk=on_chunk
        )


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
