"""Choosing a backup by name, and reading it in full before anything changes."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass, replace

from bot.core.dump import MAGIC, DumpReader, FilePermissions, refuse_wrong_format
from bot.core.errors import DatabaseRefused, Refused
from bot.core.manifest import Manifest
from bot.core.models import Backup, BackupFile, Target
from bot.core.ports import Clock, Cluster
from bot.core.toc import Toc

LATEST = "latest"
_NAMED = 3
_CRON_JOBS = ("TABLE DATA", "cron", "job")
SETTLED = 3.0
"""Seconds a file must not have changed for, before it is taken as complete."""


@dataclass(frozen=True, slots=True)
class ReadBackup:
    """A backup that was read from its first to its last byte; ``skipped`` says what ``latest``
    passed over, and why."""

    backup: Backup
    toc: Toc
    manifest: Manifest
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Backups:
    """The backup directory of one target."""

    target: Target
    cluster: Cluster
    clock: Clock

    def listing(self) -> tuple[BackupFile, ...]:
        """Return its files, newest first, hidden ones left out."""
        files = self.cluster.backups(self.target.backup_dir)
        return tuple(f for f in files if not f.name.startswith("."))

    def find(self, name: str) -> BackupFile:
        """Return the file of exactly that name; a name is never made part of a path.

        Raises:
            Refused: no such file is listed.
        """
        files = {f.name: f for f in self.listing()}
        if name in files:
            return files[name]
        near = difflib.get_close_matches(name, files, n=1)
        some = ", ".join(list(files)[:_NAMED]) + (" …" if len(files) > _NAMED else "")
        hint = f"Did you mean {near[0]}?" if near else f"There is: {some or 'none'}."
        raise Refused(
            "unknown_backup", f"There is no backup “{name}” on {self.target.name}. {hint}"
        )

    def read(self, wanted: str, reader: DumpReader, note: Callable[[str], None]) -> ReadBackup:
        """Read a backup in full.

        Args:
            wanted: a file's name, or ``latest`` for the newest complete one.
            reader: reads dumps in the container.
            note: told what is being done.

        Raises:
            Refused: it is not a whole dump in custom format, or is still being written.
        """
        if wanted != LATEST:
            return self._read(self.find(wanted), reader, note)
        skipped: list[str] = []
        for file in self.listing():
            try:
                found = self._read(file, reader, note)
            except Refused as refusal:
                skipped.append(refusal.sentence)
                continue
            return ReadBackup(found.backup, found.toc, found.manifest, tuple(skipped))
        raise Refused(
            "no_backup",
            f"There is no complete backup in {self.target.backup_dir}. " + " ".join(skipped[:3]),
        )

    def _read(
        self, file: BackupFile, reader: DumpReader, note: Callable[[str], None]
    ) -> ReadBackup:
        seen = self.look(file, reader)
        refuse_wrong_format(file, self._head(file))
        self._refuse_growing(file)
        toc = reader.toc(file.path)
        counting = " and counting its rows" if self.target.count_rows else ""
        note(f"reading {file.name} in full{counting}")
        manifest = reader.read(file.path, count_rows=self.target.count_rows)
        note(f"hashing {file.name}")
        sha256 = reader.sha256(file.path)
        manifest = with_cron(manifest, toc, reader, file.path)
        self._refuse_changed(file)
        if self.look(file, reader).stamp != seen.stamp:
            raise Refused("changed_dump", f"{file.name} was changed while it was read; ask again.")
        backup = Backup(
            file,
            sha256,
            toc.taken_at,
            toc.postgres_version,
            manifest.timescaledb_version,
            toc.database,
            seen.stamp,
        )
        return ReadBackup(backup, toc, manifest)

    def look(self, file: BackupFile, reader: DumpReader) -> FilePermissions:
        """Return what kind of file it is and who may write it, before anything opens it.

        Opening a named pipe hangs a program, and a backend of PostgreSQL beyond any termination.
        What a link names can be another file a moment later.

        Raises:
            Refused: it is no regular file, or others may write it.
        """
        permissions = reader.permissions(file.path)
        if file.directory:
            refuse_wrong_format(file, b"")
        if not permissions.regular:
            raise Refused(
                "no_file",
                f"{file.name} is a link, a pipe or a device; name the dump's own file.",
            )
        if permissions.writable_by_others and not self.target.allow_writable_backups:
            raise Refused(
                "writable_backup",
                f"{file.name} may be written by group or others (mode {permissions.mode:o}), and a "
                "dump is code that runs as superuser; chmod go-w it and look at what it holds.",
            )
        return permissions

    def _head(self, file: BackupFile) -> bytes:
        try:
            return self.cluster.read_head(file.path, len(MAGIC))
        except DatabaseRefused as error:
            raise Refused("unreadable_dump", f"{file.name} cannot be read: {error}.") from error

    def _refuse_growing(self, file: BackupFile) -> None:
        """A file that changed just now gets a moment to show whether it still does."""
        age = (self.clock.now() - file.modified).total_seconds()
        if age < SETTLED:
            self.clock.wait(SETTLED)
        self._refuse_changed(file)

    def _refuse_changed(self, file: BackupFile) -> None:
        now = self.find(file.name)
        if (now.size, now.modified) != (file.size, file.modified):
            raise Refused(
                "growing_dump",
                f"{file.name} is still being written ({file.size} bytes, then {now.size}); "
                "wait until it is complete.",
            )


def with_cron(manifest: Manifest, toc: Toc, reader: DumpReader, path: str) -> Manifest:
    """Return the manifest with the dump's jobs of pg_cron.

    Raises:
        Refused: they cannot be read.
    """
    if any((e.kind, e.schema, e.name) == _CRON_JOBS for e in toc.entries):
        return replace(manifest, cron=reader.cron_jobs(path))
    return manifest
