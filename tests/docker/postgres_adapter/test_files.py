"""The server's own file system."""

import secrets

import pytest

from bot.adapters.postgres import PostgresCluster
from bot.core.errors import DatabaseRefused
from tests.docker.containers import DatabaseContainer

UNDEFINED_FILE = "58P01"


@pytest.fixture
def directory(shared_database: DatabaseContainer) -> str:
    path = f"/backup/{secrets.token_hex(4)}"
    script = (
        f"mkdir -p {path}/dir && cd {path} && printf 'PGDMPrest' > 'new one.dump'"
        " && printf old > old.dump && touch -d 2020-02-03T04:05:06Z old.dump"
        " && touch -d 2019-01-01T00:00:00Z dir && ln -s /nowhere dangling"
    )
    assert shared_database.exec("sh", "-c", script) == (0, "")
    return path


def test_a_directory_is_listed_newest_first_without_what_vanished(
    cluster: PostgresCluster, directory: str
) -> None:
    listed = cluster.backups(directory + "/")
    assert [(f.name, f.size, f.directory) for f in listed[:2]] == [
        ("new one.dump", 9, False),
        ("old.dump", 3, False),
    ]
    assert (listed[2].name, listed[2].directory) == ("dir", True)
    assert len(listed) == 3
    assert listed[1].path == f"{directory}/old.dump"
    assert listed[1].modified.isoformat() == "2020-02-03T04:05:06+00:00"


def test_a_file_whose_name_is_no_text_does_not_break_the_list(
    cluster: PostgresCluster, shared_database: DatabaseContainer, directory: str
) -> None:
    shared_database.exec("sh", "-c", f"touch {directory}/$(printf 'b\\377d')")
    assert "b\ufffdd" in {f.name for f in cluster.backups(directory)}


def test_a_link_that_cannot_be_followed_does_not_break_the_list(
    cluster: PostgresCluster, shared_database: DatabaseContainer, directory: str
) -> None:
    before = cluster.backups(directory)
    links = f"cd {directory} && ln -s circle circle && ln -s /root/secret locked"
    assert shared_database.exec("sh", "-c", links) == (0, "")
    assert cluster.backups(directory) == before


def test_a_missing_directory_is_an_error_and_not_an_empty_list(cluster: PostgresCluster) -> None:
    with pytest.raises(DatabaseRefused, match="could not open directory") as raised:
        cluster.backups("/no/such/directory")
    assert raised.value.sqlstate == UNDEFINED_FILE


def test_the_head_of_a_file_is_read_and_no_more(cluster: PostgresCluster, directory: str) -> None:
    assert cluster.read_head(f"{directory}/new one.dump", 5) == b"PGDMP"
    assert cluster.read_head(f"{directory}/old.dump", 100) == b"old"
    with pytest.raises(DatabaseRefused, match="No such file"):
        cluster.read_head(f"{directory}/none.dump", 5)


def test_a_file_is_written_as_the_servers_user_and_leaves_no_large_object(
    cluster: PostgresCluster, shared_database: DatabaseContainer, directory: str
) -> None:
    content = b"1; 2 3 TABLE public \xff\0\n" * 1000
    cluster.write_file(f"{directory}/list", b"longer" * 9000)
    cluster.write_file(f"{directory}/list", content)
    assert cluster.read_head(f"{directory}/list", 1 << 20) == content
    assert shared_database.exec("stat", "-c", "%U %a", f"{directory}/list") == (0, "postgres 644\n")
    assert shared_database.rows("postgres", "SELECT oid FROM pg_largeobject_metadata") == []
