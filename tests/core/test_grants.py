"""GRANT and REVOKE, read as pg_dump writes them."""

from __future__ import annotations

from bot.core.grants import counted_grants, missing, parse_grants

ALL = {"SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"}


def test_the_last_word_counts() -> None:
    found = parse_grants(
        "REVOKE ALL ON TABLE public.t FROM app;\n"
        "GRANT SELECT,INSERT ON TABLE public.t TO app;\n"
        "REVOKE INSERT ON TABLE public.t FROM app;\n"
        "REVOKE ALL ON TABLE public.t FROM gone;\n"
    )
    assert found == {"public.t": {"app": {"SELECT"}}}


def test_all_is_what_the_kind_of_object_has() -> None:
    found = parse_grants(
        "GRANT ALL ON TABLE public.t TO app WITH GRANT OPTION;\n"
        "GRANT ALL ON SEQUENCE public.s TO app;\n"
        "GRANT ALL ON SCHEMA ops TO app;\n"
    )
    assert found["public.t"]["app"] == ALL
    assert found["public.s"]["app"] == {"SELECT", "UPDATE", "USAGE"}
    assert found["ops"]["app"] == {"USAGE", "CREATE"}


def test_names_of_any_kind_are_read() -> None:
    found = parse_grants('GRANT SELECT ON TABLE "My ops"."a ""b"".\n,(" TO "app; x";\n')
    assert found == {'My ops.a "b".\n,(': {"app; x": {"SELECT"}}}


def test_grants_on_columns_name_them() -> None:
    found = parse_grants(
        'GRANT SELECT(id),UPDATE("a b") ON TABLE public.t TO app;\n'
        "GRANT ALL(x) ON TABLE public.t TO PUBLIC;\n"
    )
    assert found["public.t"]["app"] == {"SELECT(id)", "UPDATE(a b)"}
    assert found["public.t"]["PUBLIC"] == {"SELECT(x)", "INSERT(x)", "UPDATE(x)", "REFERENCES(x)"}


def test_grants_by_others_and_on_other_kinds_do_not_disturb() -> None:
    found = parse_grants(
        "SET SESSION AUTHORIZATION owner;\n"
        "GRANT SELECT ON TABLE public.t TO app;\n"
        "RESET SESSION AUTHORIZATION;\n"
        "REVOKE GRANT OPTION FOR SELECT ON TABLE public.t FROM app;\n"
        "GRANT ALL ON FUNCTION public.f(integer) TO app;\n"
    )
    assert found == {"public.t": {"app": {"SELECT"}}}


def test_what_is_missing_is_named_and_more_is_not() -> None:
    expected = {"public.t": {"app": frozenset({"SELECT", "UPDATE"}), "bi": frozenset({"SELECT"})}}
    found = {"public.t": {"app": frozenset({"SELECT"}), "bi": frozenset({"SELECT", "DELETE"})}}
    assert list(missing(expected, found)) == ["app: UPDATE on public.t"]
    assert list(missing(expected, {})) == [
        "app: SELECT, UPDATE on public.t",
        "bi: SELECT on public.t",
    ]
    assert counted_grants(expected) == 2
