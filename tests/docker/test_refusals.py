"""What `tsbot restore` refuses: a clear sentence, nothing changed, and a row in the log."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from psycopg import sql

from bot.core.audit import Phase
from tests.docker.containers import DatabaseContainer
from tests.docker.dumps import bit_flipped, growing, take_dump, truncated
from tests.docker.environment import Prepared
from tests.docker.sample import DATABASE, create_sample, row_counts
from tests.docker.tsbot import Finished, Installation, age, installed

Files = Callable[[DatabaseContainer, str], str]


@pytest.fixture(scope="module")
def installation(
    prepared: Prepared, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    with installed(prepared, tmp_path_factory.mktemp("refusals")) as made:
        create_sample(made.database)
        yield made


@pytest.fixture(scope="module")
def dump(installation: Installation) -> str:
    """The name of a dump that could be restored."""
    return age(installation.database, take_dump(installation.database))


@contextmanager
def unchanged(installation: Installation) -> Iterator[None]:
    """Databases, settings, containers and rows are the same before and after."""
    before = installation.state(), row_counts(installation.database)
    yield
    assert (installation.state(), row_counts(installation.database)) == before


def refused(installation: Installation, *arguments: str) -> str:
    """Ask for a restore that must be refused, and return the sentence it was refused with."""
    with unchanged(installation):
        return sentence(installation.restore(*arguments))


def sentence(finished: Finished) -> str:
    """The sentence of a refusal, which stands in the log as well as on the terminal."""
    assert finished.exit_code == 1, finished.output
    draft = finished.outcome.draft
    said = str(draft.detail["sentence"])
    assert draft.status in {"refused", "cancelled"}
    assert (draft.actor_id, draft.channel, draft.target) == ("tsbot", "cli", "prod")
    assert finished.entries[0].draft.actor_id == "cli:dora"
    assert said in finished.output
    assert said.endswith("Nothing was changed.")
    assert "Traceback" not in finished.output
    return said


def test_an_unknown_backup_is_refused_with_the_nearest_name(
    installation: Installation, dump: str
) -> None:
    said = refused(installation, "sampel.dump", "--yes")
    assert said.startswith("There is no backup “sampel.dump” on prod. Did you mean sample.dump?")


@pytest.mark.parametrize("name", ["../backup/sample.dump", "/backup/sample.dump"])
def test_a_name_is_never_taken_for_a_path(installation: Installation, dump: str, name: str) -> None:
    assert refused(installation, name, "--yes").startswith(f"There is no backup “{name}” on prod.")


def plain(database: DatabaseContainer, dump: str) -> str:
    return take_dump(database, name="plain.sql", form="plain")


def directory(database: DatabaseContainer, dump: str) -> str:
    return take_dump(database, name="directory.dump", form="directory")


def writable(database: DatabaseContainer, dump: str) -> str:
    database.exec("sh", "-c", f"cp {dump} /backup/writable.dump; chmod 666 /backup/writable.dump")
    return "/backup/writable.dump"


def made(container: DatabaseContainer, name: str, command: str) -> str:
    code, output = container.exec("sh", "-c", f"cd /backup && rm -f {name} && {command}")
    assert code == 0, output
    return f"/backup/{name}"


def pipe(database: DatabaseContainer, dump: str) -> str:
    return made(database, "pipe.dump", "mkfifo -m 600 pipe.dump")


def newer(database: DatabaseContainer, dump: str) -> str:
    """Its archive's minor version is one that no pg_restore knows yet."""
    patch = "printf '\\143' | dd of=newer.dump bs=1 seek=6 conv=notrunc status=none"
    return made(database, "newer.dump", f"cp {dump} newer.dump && {patch}")


def newer_server(database: DatabaseContainer, dump: str) -> str:
    [(version,)] = database.rows("postgres", "SHOW server_version")
    major = str(version).split(".")[0]
    script = f"LC_ALL=C sed 's/{major}\\.\\([0-9]\\)/99.\\1/g' {dump} > server.dump"
    return made(database, "server.dump", script)


def older(database: DatabaseContainer, dump: str) -> str:
    patch = "printf '\\000' | dd of=older.dump bs=1 seek=5 conv=notrunc status=none"
    return made(database, "older.dump", f"cp {dump} older.dump && {patch}")


def lacking(database: DatabaseContainer, dump: str) -> str:
    """It needs an extension that no image has."""
    return made(
        database, "lacking.dump", f"LC_ALL=C sed 's/btree_gin/btree_gim/g' {dump} > lacking.dump"
    )


def link(database: DatabaseContainer, dump: str) -> str:
    return made(database, "link.dump", f"ln -s {dump} link.dump")


@pytest.mark.fault("unusable dump")
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (truncated, "truncated.dump is cut short or damaged"),
        (bit_flipped, "flipped.dump is cut short or damaged"),
        (plain, "plain.sql is not a dump in custom format; make it with pg_dump -Fc"),
        (directory, "directory.dump is a directory"),
        (writable, "writable.dump may be written by group or others (mode 666)"),
        (pipe, "pipe.dump is a link, a pipe or a device"),
        (link, "link.dump is a link, a pipe or a device"),
        (newer, "newer.dump"),
        (newer_server, "restore it on a server at least as new"),
        (older, "older.dump"),
        (lacking, "extensions of the dump: missing: btree_gim (install them in the image)"),
    ],
    ids=[
        *("truncated", "bit-flipped", "plain", "directory", "world-writable", "pipe", "link"),
        *("too new", "of a newer server", "too old", "missing extension"),
    ],
)
def test_what_is_no_whole_safe_dump_is_refused(
    installation: Installation, dump: str, make: Files, words: str
) -> None:
    name = age(installation.database, make(installation.database, f"/backup/{dump}"))
    try:
        assert words in refused(installation, name, "--yes")
    finally:  # a whole dump of another kind would be the latest one for the tests below
        installation.database.exec("rm", "-rf", f"/backup/{name}")


@pytest.mark.parametrize("kind", ["pipe", "somebody else's", "link"])
def test_latest_passes_over_what_cannot_be_opened_safely(
    installation: Installation, dump: str, kind: str
) -> None:
    database = installation.database
    if kind == "somebody else's":
        database.exec("install", "-m", "600", "/dev/null", "/backup/newer.dump", user="root")
    else:
        making = "mkfifo newer.dump" if kind == "pipe" else f"ln -s {dump} newer.dump"
        made(database, "newer.dump", making)
    try:
        with unchanged(installation):
            finished = installation.restore("latest", "--dry-run")
    finally:
        database.exec("rm", "-f", "/backup/newer.dump")
    assert finished.outcome.draft.status == "dry run", finished.output
    assert "skipped: newer.dump " in finished.output


@pytest.mark.fault("unusable dump")
def test_a_dump_that_is_still_growing_is_refused(installation: Installation, dump: str) -> None:
    with growing(installation.database, f"/backup/{dump}") as path:
        said = refused(installation, path.rpartition("/")[2], "--yes")
    assert "growing.dump is still being written" in said


def test_a_backup_directory_that_others_may_write_is_refused(
    installation: Installation, dump: str
) -> None:
    installation.database.exec("chmod", "777", "/backup")
    try:
        said = refused(installation, dump, "--yes")
    finally:
        installation.database.exec("chmod", "700", "/backup")
    assert "/backup may be written by group or others (mode 777)" in said
    assert "chmod go-w /backup" in said


@pytest.mark.fault("missing role")
def test_a_dump_whose_owner_is_no_role_here_is_refused(installation: Installation) -> None:
    database, name = installation.database, f"gone_{secrets.token_hex(3)}"
    role = sql.Identifier(name)
    with database.connect() as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(role))
        connection.execute(sql.SQL("CREATE ROLE {}").format(role))
    with database.connect(name) as connection:
        connection.execute("CREATE TABLE theirs ()")
        connection.execute(sql.SQL("ALTER TABLE theirs OWNER TO {}").format(role))
    file = age(database, take_dump(database, name, "gone.dump"))
    with database.connect() as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(role))
        connection.execute(sql.SQL("DROP ROLE {}").format(role))
    said = refused(installation, file, "--yes")
    assert f"roles of the dump: missing: {name}" in said


def test_an_unknown_target_is_refused_and_logged_without_a_run(
    installation: Installation, dump: str
) -> None:
    with unchanged(installation):
        finished = installation.restore(dump, "--target", "porduction", "--yes")
    assert finished.exit_code == 2
    [entry] = finished.entries
    draft = entry.draft
    assert (draft.action, draft.phase, draft.status) == ("command", Phase.NOTE, "refused")
    assert (draft.actor_id, draft.channel, draft.run_id) == ("cli:dora", "cli", "")
    assert (draft.target, draft.backup) == ("porduction", dump)
    assert str(draft.detail["sentence"]) in finished.output
    assert "There is no target “porduction”; there is: prod." in finished.output


@pytest.mark.fault("two bots")
def test_a_second_restore_is_refused_while_one_waits_for_its_answer(
    installation: Installation, dump: str, tmp_path: Path
) -> None:
    with unchanged(installation), installation.restoring(dump) as first:
        first.until_printed("Type prod to restore it")
        second = installation.restore(dump, "--yes")
        # A bot with a log of its own does not see the claim, but meets the lock on the server.
        elsewhere = sentence(replace(installation, directory=tmp_path).restore(dump, "--yes"))
        first.type("no\n")
        assert first.finish().outcome.draft.status == "not approved"
    assert second.exit_code == 2
    [entry] = second.entries
    assert (entry.draft.action, entry.draft.status) == ("command", "refused")
    assert str(entry.draft.detail["sentence"]) in second.output
    assert first.finish().outcome.draft.run_id in second.output
    assert elsewhere.startswith("another tsbot works on ecoanp; wait until it is done. (the lock ")


@pytest.mark.fault("PostgreSQL away")
def test_a_stopped_database_is_refused(installation: Installation, dump: str) -> None:
    container = installation.database.container
    before, applications = installation.state(), installation.applications
    container.stop()
    finished = installation.restore(dump, "--yes")
    stopped = installation.life(container)[0], [installation.life(a) for a in applications]
    container.start()
    installation.database.wait_until_ready()
    assert sentence(finished)
    assert stopped == ("exited", [before.containers[str(a.name)] for a in applications])
    assert installation.state().databases == before.databases


@pytest.mark.fault("missing container")
def test_a_container_that_does_not_exist_is_refused(installation: Installation, dump: str) -> None:
    said = refused(installation.having(container="tsbot-test-nobody"), dump, "--yes")
    assert "tsbot-test-nobody" in said


@pytest.mark.fault("two bots")
@pytest.mark.parametrize("logs", [1, 2], ids=["one log", "two logs"])
def test_of_two_restores_asked_for_at_the_same_moment_one_runs(
    installation: Installation, dump: str, tmp_path: Path, logs: int
) -> None:
    swapping = installation.having(strategy="swap")
    other = swapping if logs == 1 else replace(swapping, directory=tmp_path)
    with swapping.restoring(dump, "--yes") as one, other.restoring(dump, "--yes") as two:
        codes = [r.process.wait(timeout=120) for r in (one, two)]
        printed = one.printed() + two.printed()
    assert sorted(code != 0 for code in codes) == [False, True], printed
    assert "all points green" in printed
    assert installation.sides() == []
    assert all(bot.audit("verify")[0] == 0 for bot in (swapping, other))


@pytest.mark.fault("engine away")
def test_an_engine_that_does_not_answer_is_refused(
    installation: Installation, dump: str, tmp_path: Path
) -> None:
    dead = installation.having(docker=f"unix://{tmp_path}/none.sock")
    said = refused(dead, dump, "--yes")
    assert "Docker engine: " in said
    assert "see that the engine runs and can be reached" in said


def test_a_dsn_and_a_container_of_two_servers_are_refused(
    installation: Installation, dump: str, shared_database: DatabaseContainer
) -> None:
    other = f"postgresql://postgres@{shared_database.host}:{shared_database.port}/postgres"
    mixed = replace(installation.having(dsn=other), password=shared_database.password)
    databases = "SELECT oid, datname FROM pg_database ORDER BY oid"
    before = shared_database.rows("postgres", databases)
    said = refused(mixed, dump, "--yes")
    assert "one server: the DSN and the container are two different servers" in said
    assert shared_database.rows("postgres", databases) == before


def test_a_role_that_is_no_superuser_is_refused(installation: Installation, dump: str) -> None:
    database = installation.database
    with database.connect() as connection:
        connection.execute("CREATE ROLE plain LOGIN PASSWORD 'plain-password'")
    dsn = f"postgresql://plain@{database.host}:{database.port}/postgres"
    meek = replace(installation.having(dsn=dsn), password="plain-password")
    said = refused(meek, dump, "--yes")
    assert "PostgreSQL 17" in said
    assert "as plain: no superuser" in said
    assert "use a superuser in the DSN" in said


@pytest.mark.fault("unusable dump")
def test_a_dump_replaced_while_the_question_stands_is_not_restored(
    installation: Installation, dump: str
) -> None:
    database = installation.database
    database.exec("cp", f"/backup/{dump}", "/backup/asked.dump")
    name = age(database, "/backup/asked.dump")
    with unchanged(installation), installation.restoring(name) as running:
        running.until_printed("Type prod to restore it")
        truncated(database, f"/backup/{dump}", name)
        running.type("prod\n")
        finished = running.finish()
    assert finished.outcome.draft.status == "not approved"
    assert "the dump changed after the request. Nothing was changed." in finished.output
    assert finished.statuses("gate") == ["approved", "voided"]


def test_an_application_stopped_while_the_question_stands_is_asked_about_again(
    installation: Installation, dump: str
) -> None:
    worker = installation.applications[1]
    question = "Type prod to restore it"
    with installation.restoring(dump) as running:
        running.until_printed(question)
        worker.stop()
        running.type("prod\n")
        running.until(lambda: running.printed().count(question) == 2, "a second question")
        running.type("no\n")
        finished = running.finish()
    assert installation.life(worker)[0] == "exited"
    worker.start()
    assert finished.statuses("gate") == ["approved", "voided", "vetoed"]
    assert "warning   the running applications changed after the request" in finished.output
    assert not finished.statuses("stop_applications")


def test_ctrl_c_at_the_question_leaves_everything_as_it_is(
    installation: Installation, dump: str
) -> None:
    with unchanged(installation), installation.restoring(dump) as running:
        running.until_printed("Type prod to restore it")
        running.type("\x03")
        assert "cancelled at the question" in sentence(running.finish())


def test_a_log_full_of_refusals_is_intact(installation: Installation, dump: str) -> None:
    refused(installation, "none.dump")
    code, printed = installation.audit("verify")
    assert code == 0, printed


@contextmanager
def pg_restore(database: DatabaseContainer, live: str, run_id: str) -> Iterator[None]:
    """Let a session be at work as a run's pg_restore is, in the side database of that run."""
    side = f"{live}_restore_{run_id}"
    with database.connect() as connection:
        connection.execute(f"CREATE DATABASE {side}".encode())
        try:
            with database.connect(side) as session:
                session.execute(f"SET application_name = 'tsbot-restore-{run_id}'".encode())
                yield
        finally:
            connection.execute(f"DROP DATABASE {side} WITH (FORCE)".encode())


def test_a_pg_restore_left_at_work_is_told_of_and_that_of_another_target_is_left_in_peace(
    installation: Installation, dump: str
) -> None:
    database = installation.database
    with pg_restore(database, DATABASE, "05441ca1"), pg_restore(database, "other", "0badcafe"):
        finished = installation.restore(dump, "--dry-run")
    assert finished.exit_code == 0, finished.output
    evidence = f"a pg_restore still runs: tsbot-restore-05441ca1 in {DATABASE}_restore_05441ca1"
    assert f"{evidence} (end it with pg_terminate_backend()" in str(plan_of(finished))
    assert "0badcafe" not in finished.output


def plan_of(finished: Finished) -> object:
    return finished.entry("plan", Phase.NOTE).draft.detail["plan"]
