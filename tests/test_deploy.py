"""What Dockerfile, compose.yaml and the lock file promise. They are read here, not built."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.settings.documentation import documented_keys

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
HAPROXY = (ROOT / "deploy" / "haproxy.cfg").read_text()
LOCK = (ROOT / "requirements.lock").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
BOT, PROXY = SERVICES["tsbot"], SERVICES["socket-proxy"]
NAMED = re.compile(r"^([a-z0-9-]+)==(\S+) \\$", re.MULTILINE)


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_runs_with_as_little_as_it_can(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["user"].split(":")[0] not in {"", "0", "root"}
    assert not service.keys() & {"privileged", "cap_add", "ports", "network_mode", "pid", "devices"}
    assert service["restart"] == "unless-stopped"


def test_only_the_proxy_sees_the_engines_socket() -> None:
    sees = [
        name
        for name, service in SERVICES.items()
        if any("docker.sock" in volume for volume in service["volumes"])
    ]
    assert sees == ["socket-proxy"]


def test_the_proxy_is_reached_by_the_bot_alone() -> None:
    assert PROXY["networks"] == ["proxy"]
    assert COMPOSE["networks"]["proxy"] == {"internal": True}
    assert [name for name, service in SERVICES.items() if "proxy" in service["networks"]] == [
        "tsbot",
        "socket-proxy",
    ]


def test_every_variable_of_the_proxys_rules_is_set() -> None:
    used = set(re.findall(r"\$\{(\w+)", HAPROXY))
    assert used == set(PROXY["environment"])
    for name in ("TSBOT_CONTAINERS", "TSBOT_DATABASES"):
        assert PROXY["environment"][name].startswith(f"${{{name}:?"), "must not be left empty"


def test_secrets_come_as_files() -> None:
    files = {f"/run/secrets/{name}" for name in COMPOSE["secrets"]}
    given = {key: value for key, value in BOT["environment"].items() if key.endswith("_FILE")}
    assert set(given.values()) == files
    assert set(BOT["secrets"]) == set(COMPOSE["secrets"])
    assert all(secret["file"].startswith("./secrets/") for secret in COMPOSE["secrets"].values())


def test_every_variable_of_the_bot_is_one_it_reads() -> None:
    known = {key.name.replace("<NAME>", "PROD") for key in documented_keys() if key.variable}
    assert set(BOT["environment"]) <= known


def test_the_settings_are_mounted_where_the_image_looks_for_them() -> None:
    path = BOT["environment"]["TSBOT_CONFIG"]
    assert f"TSBOT_CONFIG={path}" in DOCKERFILE
    assert f"./tsbot.toml:{path}:ro" in BOT["volumes"]


def test_the_audit_log_is_on_a_volume_that_the_bots_user_owns() -> None:
    path = next(key.default for key in documented_keys() if key.name == "audit.path")
    directory = str(Path(path.strip('"')).parent)
    assert f"audit:{directory}" in BOT["volumes"]
    assert f"VOLUME {directory}\n" in DOCKERFILE
    assert f"install -d -o tsbot -g tsbot -m 0700 {directory}\n" in DOCKERFILE
    assert f"USER {BOT['user']}\n" in DOCKERFILE


def test_images_are_pinned_by_tag() -> None:
    assert re.search(r"^ARG PYTHON=python:3\.\d+-slim-\w+$", DOCKERFILE, re.MULTILINE)
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) == {"${PYTHON}"}
    assert re.fullmatch(r"haproxy:\d+\.\d+(@sha256:[0-9a-f]{64})?", PROXY["image"])


def test_the_image_is_healthy_only_while_the_bot_says_so() -> None:
    assert re.search(r'^HEALTHCHECK .* CMD \["tsbot", "health"\]$', DOCKERFILE, re.MULTILINE)
    assert 'ENTRYPOINT ["tsbot"]' in DOCKERFILE


def test_all_the_dockerfile_copies_is_sent_to_the_engine_and_nothing_else() -> None:
    sent = re.findall(r"^!(\S+)", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    copied = [
        name
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
        for name in line.split()[:-1]
    ]
    assert sorted(sent) == sorted(copied)
    assert all((ROOT / name).exists() for name in copied)


def test_the_lock_file_holds_every_dependency_with_its_hash() -> None:
    locked = {name for name, _ in NAMED.findall(LOCK)}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    assert {canonical(re.split(r"[\[<>=~]", each)[0]) for each in wanted} <= locked
    for block in re.split(r"^(?=[a-z0-9-]+==)", LOCK, flags=re.MULTILINE)[1:]:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}$", block.strip()), block
