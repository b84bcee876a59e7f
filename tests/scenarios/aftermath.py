"""What must hold after a fault: one of the two databases serves, nothing is left, all is logged."""

from __future__ import annotations

import shlex
from contextlib import closing
from dataclasses import dataclass

from bot.adapters.audit_log import AuditStore
from bot.adapters.clock import SystemClock
from tests.docker.sample import DATABASE, row_counts
from tests.scenarios.office import Office
from tests.scenarios.run import Run

SESSIONS = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'tsbot-restore-%%'"


@dataclass(frozen=True)
class Before:
    """What served before a fault.

    Args:
        office: where.
        oid: of the live database.
        rows: of each of its tables.
    """

    office: Office
    oid: int
    rows: dict[str, int]

    @classmethod
    def look(cls, office: Office) -> Before:
        """Note what serves now; its rows are the dump's."""
        site = office.site
        return cls(office, site.databases()[DATABASE], row_counts(site.database))

    def assert_safe(self, run: Run, *, restored: bool) -> None:
        """The right database serves, applications run, nothing is left, the log is whole."""
        site = self.office.site
        databases = site.databases()
        assert (databases[DATABASE] != self.oid) == restored
        if restored:
            assert databases[f"{DATABASE}_before_{run.id}"] == self.oid
        assert row_counts(site.database) == self.rows
        assert [name for name in databases if "_restore_" in name] == []
        assert site.database.rows("postgres", SESSIONS) == []
        assert site.running() == (True, False)
        self.assert_logged(run)

    def assert_logged(self, run: Run) -> None:
        """The log verifies, has one end of the run, and nobody holds the target any more."""
        with closing(AuditStore(self.office.audit_path, SystemClock(), writable=False)) as store:
            assert store.log.verify().intact
            self.office.until(lambda: not store.claims.held(), "the claim given back")
        assert len(run.log("run")) == 1


def by_hand(office: Office, printed: str) -> list[str]:
    """Type what `tsbot runs show` prints for a person; return what was typed."""
    lines = [line for line in map(str.strip, printed.splitlines()) if line.startswith("docker ")]
    client = office.site.application.client
    assert client is not None
    for line in lines:
        verb, *words = shlex.split(line)[1:]
        if verb == "start":
            for name in words:
                client.containers.get(name).start()
        else:
            _, user, name, *argv = words
            code, output = client.containers.get(name).exec_run(argv, user=user)
            assert code == 0, (line, output)
    return lines
