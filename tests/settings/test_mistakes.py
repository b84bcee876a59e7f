"""Every mistake names the key, the value and what would be right; all at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.settings.samples import MINIMAL, Load, in_target, mistakes, only_mistake


def test_all_mistakes_are_reported_at_once_a_line_each(load: Load) -> None:
    text = """
    extra = 1
    [slack]
    mode = "soket"
    chanels = ["C0OPS"]
    [approval]
    quorum = 0
    [targets.prod]
    database = "ecoanp"
    """
    assert mistakes(load, text, SLACK_BOT_TOKEN="wrong") == [
        "slack.mode = \"soket\": must be 'socket' or 'http'; did you mean socket?",
        "SLACK_BOT_TOKEN: must begin with xoxb- and hold no spaces",
        "slack.chanels: unknown key; did you mean channels?",
        "approval.quorum = 0: must be at least 1",
        "targets.prod.dsn: missing; URI of the maintenance database without its password, such as "
        "postgresql://postgres@db:5432/postgres; TSBOT_TARGET_<NAME>_DSN goes before this key",
        'targets.prod.container: missing; the database\'s container: "name" or '
        '{ service = "…", project = "…" }',
        "extra: unknown key; known here: slack, approval, audit, targets",
    ]


@pytest.mark.parametrize("text", ["", "[targets]\n"])
def test_at_least_one_target_is_needed(load: Load, text: str) -> None:
    assert "[targets.NAME]" in only_mistake(load, text)


@pytest.mark.parametrize("text", ["slack = 1\n" + MINIMAL, "targets = 1", '[targets]\nprod = "x"'])
def test_a_value_where_a_table_belongs_is_a_mistake_and_no_crash(load: Load, text: str) -> None:
    line = only_mistake(load, text, SLACK_API_URL="https://slack.com/api/")
    assert line.endswith("must be a table")


@pytest.mark.parametrize(
    ("line", "right"),
    [
        ('strategy = "inplace"', "did you mean in-place?"),
        ('ownership = "me"', "'dump' or 'guide'"),
        ("allow_writable_backups = 1", "true or false"),
        ('backup_dir = "backup"', "absolute path"),
        ('backup_dir = "/backup/../etc"', "absolute path"),
        ('database = ""', "1 to 63 bytes"),
        ('database = "template1"', "template"),
        ('database = "host=elsewhere"', "connection string"),
        ('database = "a=b"', "connection string"),
        ('database = "postgresql://elsewhere/x"', "connection string"),
        ('database = "postgres"', "let dsn name another one"),
        ('container = "db; rm"', "a name Docker allows"),
        ('container = { service = "db", name = "db" }', "either a name, or a service"),
        ('container = { project = "eco" }', "either a name, or a service"),
        ('container = { servce = "db" }', "unknown key servce"),
        ("container = 7", "must be"),
        ('applications = "web"', "must be a list"),
        ('applications = ["ecoanp-db"]', "own container"),
        ('applications = ["web", "web"]', "twice"),
        ('extensions = ["vector"]', "must hold timescaledb"),
        ('extensions = ["timescaledb", "timescaledb"]', "twice"),
        ('extensions = ["timescaledb", \'x"; DROP\']', "extension's name"),
        ('superuser = "post gres"', "user's name"),
        ('restart_timeout = "0s"', "at least 1s"),
        ('restart_timeout = "soon"', '"90s"'),
        ('restart_timeout = "999h"', "7 days"),
        ("restart_timeout = true", '"90s"'),
        ("restart_timeout = -5", '"90s"'),
    ],
)
def test_a_wrong_value_of_a_target_is_answered_with_what_is_right(
    load: Load, line: str, right: str
) -> None:
    found = only_mistake(load, in_target(line))
    assert found.startswith(f"targets.prod.{line.split(' ')[0]}")
    assert right in found


@pytest.mark.parametrize("name", ["Prod", "a b", "latest", "dry-run", "x" * 32, "-x"])
def test_a_target_needs_a_name_that_can_be_typed_in_chat(load: Load, name: str) -> None:
    line = only_mistake(load, MINIMAL.replace("[targets.prod]", f'[targets."{name}"]'))
    assert line.startswith(f"targets.{name}: as a target's name")


@pytest.mark.parametrize(
    ("key", "value", "right"),
    [
        ("channels", "#ops", "names do not work"),
        ("channels", "U0ALICE", "C0123ABCD"),
        ("channels", "*", "id of a channel"),
        ("requesters", "@alice", "names do not work"),
        ("requesters", "u0alice", "id of a user or usergroup"),
    ],
)
def test_names_in_place_of_slack_ids_are_refused(
    load: Load, key: str, value: str, right: str
) -> None:
    line = only_mistake(load, MINIMAL + f'[slack]\n{key} = ["{value}"]\n')
    assert line.startswith(f'slack.{key}[0] = "{value}": ')
    assert right in line


def test_everybody_may_be_allowed_to_request_but_never_to_approve(load: Load) -> None:
    assert load(MINIMAL + '[slack]\nrequesters = ["*"]\n').slack.requesters == ("*",)
    only_mistake(load, MINIMAL + '[approval]\napprovers = ["*"]\n')


def test_a_quorum_beyond_the_listed_people_is_refused_unless_a_group_is_listed(load: Load) -> None:
    text = MINIMAL + '[approval]\nquorum = 3\napprovers = ["U0A", "U0B"{}]\n'
    assert "lists 2" in only_mistake(load, text.format(""))
    assert load(text.format(', "S0DBA"')).approval.quorum == 3


def test_two_targets_of_one_database_are_refused(load: Load) -> None:
    for first, second in (("db:5432", "DB"), ("localhost", "127.0.0.1:5432")):
        text = "".join(
            MINIMAL.replace("prod", name).replace("db:5432", host).replace("ecoanp-db", name)
            for name, host in (("one", first), ("two", second))
        )
        assert "same database" in only_mistake(load, text)


def test_two_targets_of_one_container_and_database_are_refused(load: Load) -> None:
    other = MINIMAL.replace("prod", "two").replace("@db:5432", "@alias")
    assert "same database" in only_mistake(load, MINIMAL + other)


def test_two_targets_may_share_a_server(load: Load) -> None:
    other = MINIMAL.replace("prod", "two").replace('"ecoanp"', '"weather"')
    assert set(load(MINIMAL + other).targets) == {"prod", "two"}


def test_targets_whose_variables_would_be_the_same_are_refused(load: Load) -> None:
    text = MINIMAL.replace("prod", "a-b") + MINIMAL.replace("prod", "a_b").replace(
        '"ecoanp"', '"weather"'
    )
    assert "would share TSBOT_TARGET_A_B_" in only_mistake(load, text)


def test_tcp_to_another_machine_needs_tls(load: Load) -> None:
    line = only_mistake(load, in_target('docker = "tcp://docker:2375"'))
    assert line.startswith("targets.prod.tls: is missing")


def test_tcp_without_tls_can_be_asked_for_and_is_a_warning(load: Load) -> None:
    settings = load(in_target('docker = "tcp://proxy:2375"\ndocker_plain = true'))
    assert settings.targets["prod"].docker.url == "tcp://proxy:2375"
    assert "controls it" in settings.warnings[0]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_tcp_on_this_machine_needs_no_tls(load: Load, host: str) -> None:
    url = f"tcp://{host}:2375"
    assert load(in_target(f'docker = "{url}"')).targets["prod"].docker.url == url


def test_tls_files_must_be_there(load: Load, tmp_path: Path) -> None:
    for name in ("ca", "cert", "key"):
        (tmp_path / name).write_text("pem", encoding="utf-8")
    lines = [f'{name} = "{tmp_path / name}"' for name in ("ca", "cert", "key")]
    text = in_target('docker = "tcp://docker:2376"') + "\n[targets.prod.tls]\n" + "\n".join(lines)
    assert load(text).targets["prod"].docker.tls_key == tmp_path / "key"
    (tmp_path / "key").unlink()
    assert only_mistake(load, text).endswith("is not a file")


@pytest.mark.parametrize(
    "url",
    ["http://h:1", "unix://relative", "unix://", "tcp://h", "tcp://h:x", "ssh://", "npipe:////./p"],
)
def test_an_engine_tsbot_cannot_reach_is_refused(load: Load, url: str) -> None:
    assert mistakes(load, in_target(f'docker = "{url}"'))[0].startswith("targets.prod.docker = ")


@pytest.mark.parametrize(
    "url", ["http://slack.example/api/", "ftp://h/", "slack.com", "https://h/api/?x=1"]
)
def test_tokens_never_travel_over_an_unsafe_address(load: Load, url: str) -> None:
    assert only_mistake(load, MINIMAL, SLACK_API_URL=url).startswith("slack.api_url = ")


def test_what_is_allowed_but_unwise_is_a_warning(load: Load) -> None:
    text = in_target("allow_writable_backups = true") + "\n[approval]\nself_approval = true\n"
    warnings = load(text).warnings
    assert [w.split(" = ")[0] for w in warnings] == [
        "approval.self_approval",
        "targets.prod.allow_writable_backups",
    ]


def test_the_audit_log_is_no_witness_of_itself(load: Load) -> None:
    text = MINIMAL + '[audit]\npath = "/srv/a.db"\nwitness = "/srv/a.db"\n'
    assert only_mistake(load, text).startswith("audit.witness = ")
