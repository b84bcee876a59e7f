"""Each place where timescaledb.restoring is left on has a remedy of its own."""

import pytest

from bot.core.models import RestoringLayer
from bot.core.restoring import named, remedies, remedy


@pytest.mark.parametrize(
    ("where", "detail", "cure"),
    [
        ("database", "tsdb", 'ALTER DATABASE "ts db" RESET timescaledb.restoring'),
        ("role", "app", 'ALTER ROLE "app" RESET timescaledb.restoring'),
        ("role", 'a"b', 'ALTER ROLE "a""b" RESET timescaledb.restoring'),
        ("role", "all roles", "ALTER ROLE ALL RESET timescaledb.restoring"),
        (
            "database and role",
            "app",
            'ALTER ROLE "app" IN DATABASE "ts db" RESET timescaledb.restoring',
        ),
        (
            "system",
            "/data/postgresql.auto.conf:3",
            "ALTER SYSTEM RESET timescaledb.restoring, then SELECT pg_reload_conf()",
        ),
        (
            "system",
            "command line",
            "take it out of the server's command line, then restart PostgreSQL",
        ),
        ("file", "/data/x.conf:7", "take it out of /data/x.conf:7, then SELECT pg_reload_conf()"),
    ],
)
def test_each_layer_has_its_own_remedy(where: str, detail: str, cure: str) -> None:
    assert remedy(RestoringLayer(where, detail, "on"), "ts db") == cure


def test_only_layers_that_are_on_are_put_right_and_the_workers_woken_at_the_end() -> None:
    layers = (RestoringLayer("role", "app", "on"), RestoringLayer("database", "tsdb", "off"))
    cures = remedies(layers, "tsdb")
    assert 'ROLE "app"' in cures
    assert "DATABASE" not in cures
    assert cures.endswith("; then restart the workers, or PostgreSQL")


def test_a_layer_is_named_with_whose_it_is() -> None:
    assert named(RestoringLayer("role", "app", "on")) == "role app"
    assert named(RestoringLayer("session", "", "on")) == "session"
