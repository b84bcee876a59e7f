"""Who else would feel a restore: what blocks a cut-over, stays behind, or is cut off.

Prepared transactions, logical slots and subscriptions belong to a database's oid, which the old
database keeps: they stay with what is set aside. Source: PostgreSQL's system catalogs
(pg_prepared_xacts, pg_replication_slots, pg_subscription).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from bot.core.errors import ContainerNotFound
from bot.core.inquiry import Answer, Inquiry, reading
from bot.core.models import Check, Restart, Target, Verdict
from bot.core.ports import Cluster, ContainerHost
from bot.core.surroundings import Client
from bot.core.wording import counted, duration, size

PREPARED = "prepared transactions"
"""The check whose failure means that a rename cannot succeed."""

_NAMED = 5
_LONG = 60.0
"""Seconds after which an open transaction is worth naming."""

_OK = Verdict.OK


@dataclass(frozen=True, slots=True)
class Bystanders:
    """Looks at what surrounds a live database; changes nothing.

    Args:
        target: what is to be restored.
        host: the engine, which knows the applications' addresses.
        cluster: the server.
        wal: bytes of write-ahead log that the restore will make, roughly.
        publications: names of those in the dump.
    """

    target: Target
    host: ContainerHost
    cluster: Cluster
    wal: int
    publications: frozenset[str] = frozenset()

    def run(self) -> Iterator[Check]:
        """Yield one check a question."""
        yield from _asked(
            ("live database", self._door),
            (PREPARED, self._prepared),
            ("logical slots", self._slots),
            ("subscriptions", self._subscriptions),
            ("publications", self._publications),
            ("standbys", self._standbys),
            ("archiving", self._archiving),
            ("clients", self._clients),
            ("other databases", self._others),
        )

    def of_exchange(self) -> Iterator[Check]:
        """Yield what matters where two databases change places and nothing is restored."""
        yield from _asked(
            (PREPARED, self._prepared),
            ("logical slots", self._slots),
            ("subscriptions", self._subscriptions),
            ("clients", self._clients),
        )

    def _door(self) -> Answer:
        name = self.target.database
        door = next((d for d in self.cluster.doors() if d.name == name), None)
        if door is None:
            return _OK, f"{name} does not exist yet", ""
        if not door.open:
            remedy = (
                "see whether an interrupted run left it shut; else "
                f"ALTER DATABASE {_quoted(name)} ALLOW_CONNECTIONS true"
            )
            return Verdict.FAILED, f"{name} accepts no connections", remedy
        if door.template:
            remedy = f"ALTER DATABASE {_quoted(name)} IS_TEMPLATE false, or correct `database`"
            return Verdict.FAILED, f"{name} is a template for new databases", remedy
        if door.limit < -1:
            evidence = f"a DROP DATABASE of {name} was interrupted, and it cannot be used any more"
            return Verdict.FAILED, evidence, "drop it, then restore without it"
        if door.limit == 0:
            evidence = f"{name} has CONNECTION LIMIT 0, and so will the restored database"
            return Verdict.WARNING, evidence, "raise it where applications should get in"
        return _OK, f"{name} accepts connections", ""

    def _prepared(self) -> Answer:
        found = self.cluster.prepared_transactions(self.target.database)
        if not found:
            return _OK, "none", ""
        gids = _some(f"“{x.gid}” of {x.owner}" for x in found)
        evidence = f"{counted(len(found), 'prepared transaction')} would block the cut-over: {gids}"
        gid = found[0].gid.replace("'", "''")
        remedy = (
            f"in {self.target.database}: COMMIT PREPARED '{gid}' or ROLLBACK PREPARED '{gid}', "
            "whichever the client meant"
        )
        return Verdict.FAILED, evidence, remedy

    def _slots(self) -> Answer:
        slots = self.cluster.replication_slots()
        found = [s for s in slots if s.database == self.target.database]
        if not found:
            return _OK, "none", ""
        names = _some(f"{s.name} ({'in use' if s.active else 'not in use'})" for s in found)
        evidence = (
            f"they would go on with the old database, and keep it from being dropped: {names}"
        )
        first = found[0].name
        remedy = (
            f"stop what reads them, SELECT pg_drop_replication_slot('{first}'), "
            "and set it up anew after the restore"
        )
        return Verdict.FAILED, evidence, remedy

    def _subscriptions(self) -> Answer:
        found = self.cluster.subscriptions(self.target.database)
        if not found:
            return _OK, "none", ""
        enabled = [s.name for s in found if s.enabled]
        evidence = f"the old database keeps what it is sent: {_some(s.name for s in found)}"
        remedy = (
            f"in {self.target.database}: ALTER SUBSCRIPTION {_quoted((enabled or [''])[0])} "
            "DISABLE, and make it anew after the restore"
        )
        if not enabled:
            return Verdict.WARNING, evidence, "make them anew after the restore"
        return Verdict.FAILED, evidence, remedy

    def _publications(self) -> Answer:
        if self.cluster.find_database(self.target.database) is None:
            return _OK, "none", ""
        missing = sorted(self.cluster.publications(self.target.database) - self.publications)
        if not missing:
            return _OK, "none that the dump lacks", ""
        evidence = f"the dump lacks publications that the live database has: {_some(missing)}"
        return Verdict.WARNING, evidence, "make them anew after the restore"

    def _standbys(self) -> Answer:
        idle = [s.name for s in self.cluster.replication_slots() if not s.database and not s.active]
        if idle:
            evidence = (
                f"nobody reads {_some(idle)}: the restore's WAL, {self._amount}, stays on disk"
            )
            drop = f"bring the standby back, or SELECT pg_drop_replication_slot('{idle[0]}')"
            return Verdict.WARNING, evidence, drop
        found = self.cluster.standbys()
        if not found:
            return _OK, "none", ""
        who = _some(f"{s.name} {_place(s.address)}{', waited for' * s.waited_for}" for s in found)
        return Verdict.WARNING, f"they are sent the restore's WAL, {self._amount}: {who}", ""

    def _archiving(self) -> Answer:
        now = self.cluster.archiving()
        if not now.on:
            return _OK, "off", ""
        if not now.configured:
            evidence = "archive_mode is on without archive_command: all WAL stays on disk"
            return Verdict.FAILED, evidence, "set archive_command, or turn archive_mode off"
        if now.failing:
            evidence = f"it fails ({now.failures} times so far): all WAL stays on disk"
            return Verdict.FAILED, evidence, "mend archive_command; the server's log has its words"
        return Verdict.WARNING, f"the restore's WAL is archived, {self._amount}", ""

    def _clients(self) -> Answer:
        """Whoever is there besides the applications; those are stopped before the cut-over."""
        known = self._application_addresses()
        found = [
            c
            for c in self.cluster.clients()
            if c.database == self.target.database and c.address not in known
        ]
        if not found:
            return _OK, "only the applications", ""
        evidence = f"they are cut off, and their transactions rolled back: {_grouped(found)}"
        return Verdict.WARNING, evidence, "tell them, or name their containers in `applications`"

    def _application_addresses(self) -> frozenset[str]:
        found: set[str] = set()
        for ref in self.target.applications:
            try:
                found |= self.host.addresses(self.host.find(ref).id)
            except ContainerNotFound:
                continue  # a check of its own names it
        return frozenset(found)

    def _others(self) -> Answer:
        clients = self.cluster.clients()
        elsewhere = Counter(c.database for c in clients if c.database != self.target.database)
        if not elsewhere:
            return _OK, "nobody is there", ""
        rule = self.target.restart_rule
        if rule is Restart.NEVER:
            return _OK, "PostgreSQL is not restarted", ""
        shown = _some(f"{name} ({counted(n, 'session')})" for name, n in sorted(elsewhere.items()))
        surely = rule is Restart.ALWAYS
        when = "the restart cuts off" if surely else "a restart, if workers need one, cuts off"
        return Verdict.WARNING, f"{when} those in other databases: {shown}", "tell them"

    @property
    def _amount(self) -> str:
        return f"about {size(self.wal)}"


def _asked(*questions: tuple[str, Callable[[], Answer]]) -> Iterator[Check]:
    ask = Inquiry().ask
    for name, question in questions:
        yield ask(name, reading(question), "see why it cannot be read, then ask again")


def _grouped(clients: Iterable[Client]) -> str:
    """Say who they are, alike ones together, with the longest transaction of each kind."""
    kinds: dict[str, list[float]] = {}
    for c in clients:
        who = f"{c.application or 'no name'} as {c.user} {_place(c.address)}"
        kinds.setdefault(who, []).append(c.busy)
    return _some(f"{_times(len(busy))}{who}{_lasting(max(busy))}" for who, busy in kinds.items())


def _times(count: int) -> str:
    return f"{count} × " if count > 1 else ""


def _lasting(seconds: float) -> str:
    return f", in a transaction for {duration(seconds)}" if seconds > _LONG else ""


def _place(address: str) -> str:
    return f"from {address}" if address else "inside the container"


def _some(words: Iterable[str]) -> str:
    all_of_them = list(words)
    left = len(all_of_them) - _NAMED
    shown = "; ".join(all_of_them[:_NAMED])
    return f"{shown}; and {left} more" if left > 0 else shown


def _quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'
