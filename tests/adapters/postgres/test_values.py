"""Pure pieces: lists of names as PostgreSQL stores them, and advisory locks' numbers."""

import pytest

from bot.adapters.postgres.advisory import lock_key
from bot.adapters.postgres.settings import split_list


@pytest.mark.parametrize(
    ("stored", "names"),
    [
        ('"$user", public', ["$user", "public"]),
        ("public", ["public"]),
        ("", []),
        ('""', [""]),
        ('"a, b", c', ["a, b", "c"]),
        ('"say ""hi"""', ['say "hi"']),
    ],
)
def test_a_stored_list_of_names_is_split_as_postgresql_quotes_it(
    stored: str, names: list[str]
) -> None:
    assert split_list(stored) == names


def test_a_lock_always_has_the_same_number_and_another_lock_another() -> None:
    assert lock_key("restore prod") == lock_key("restore prod")
    assert lock_key("restore prod") != lock_key("restore test")


def test_a_locks_number_fits_postgresqls_bigint() -> None:
    assert all(-(2**63) <= lock_key(str(n)) < 2**63 for n in range(100))
