"""What Dockerfile, compose.yaml and the lock file promise. They are read here, not built."""

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.sandbox.slack.seed import SAMPLE, seeded
from bot.settings import load_settings
from bot.settings.documentation import documented_keys

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
HAPROXY = (ROOT / "deploy" / "haproxy.cfg").read_text()
LOCK = (ROOT / "requirements.lock").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
ALL: dict[str, dict[str, Any]] = COMPOSE["services"]
SERVICES = {name: service for name, service in ALL.items() if "profiles" not in service}
DEMO = {name: service for name, service in ALL.items() if "profiles" in service}
DEMO_ENV = dict(
    line.split("=", 1)
    for line in (ROOT / "deploy" / "demo" / "demo.env").read_text().splitlines()
    if not line.startswith("#")
)
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
        for name, service in ALL.items()
        if any("docker.sock" in volume for volume in service.get("volumes", []))
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
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) == {
        "${PYTHON}",
        "build",
        "base",
    }
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


def test_the_sandboxs_lock_file_holds_its_extra_and_goes_into_the_demos_image_alone() -> None:
    lock = (ROOT / "requirements-sandbox.lock").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = project["project"]["optional-dependencies"]["sandbox"]
    locked = {name for name, _ in NAMED.findall(lock)}
    assert {canonical(re.split(r"[<>=~]", each)[0]) for each in wanted} <= locked
    assert not locked & {name for name, _ in NAMED.findall(LOCK)}
    for block in re.split(r"^(?=[a-z0-9-]+==)", lock, flags=re.MULTILINE)[1:]:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}$", block.strip()), block
    stages = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)
    assert [stage.split("\n")[0] for stage in stages[1:] if "sandbox.lock" in stage] == [
        "build AS build-demo"
    ]
    assert "--from=build-demo" in stages[-2]
    assert stages[-2].startswith("base AS demo\n")
    assert "--from=build /opt" in stages[-1], "what `docker build` makes has no stand-in's needs"


@pytest.mark.parametrize("name", DEMO)
def test_each_service_of_the_demo_runs_with_as_little_as_it_can(name: str) -> None:
    service = DEMO[name]
    assert service["profiles"] == ["demo"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is (name != "plant-db")
    assert not service.keys() & {"privileged", "cap_add", "pid", "devices"}
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_the_demos_bot_reaches_the_engine_through_the_proxy_and_the_page_is_local() -> None:
    assert DEMO["demo"]["network_mode"] == "service:slack"
    assert "socket-proxy" in DEMO["demo"]["depends_on"]
    assert [name for name, each in DEMO.items() if "proxy" in each.get("networks", [])] == ["slack"]
    assert [name for name, each in DEMO.items() if "ports" in each] == ["slack"]
    assert DEMO["slack"]["ports"] == ["127.0.0.1:8080:8080"]


def test_the_demos_variables_are_all_that_compose_asks_for_but_the_sockets_group() -> None:
    asked = set(re.findall(r"\$\{(\w+):\?", (ROOT / "compose.yaml").read_text()))
    assert asked - DEMO_ENV.keys() == {"DOCKER_GID"}
    names = {DEMO[each]["container_name"] for each in ("plant-db", "plant-writer", "plant-reader")}
    assert set(DEMO_ENV["TSBOT_CONTAINERS"].split()) == names
    assert DEMO_ENV["TSBOT_DATABASES"] == DEMO["plant-db"]["container_name"]


def test_the_demos_settings_are_valid_and_name_its_containers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    environment = DEMO["demo"]["environment"]
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    settings = load_settings(ROOT / "deploy" / "demo" / "tsbot.toml")
    (target,) = settings.targets.values()
    assert str(target.target.container) == DEMO["plant-db"]["container_name"]
    assert {str(each) for each in target.target.applications} == {
        DEMO[name]["container_name"] for name in ("plant-writer", "plant-reader")
    }
    assert f"demo-dumps:{target.target.backup_dir}:ro" in DEMO["plant-db"]["volumes"]
    command = DEMO["slack"]["command"]
    assert settings.slack.api_url == f"{command[command.index('--address') + 1]}/api/"
    sample = seeded(SAMPLE)
    assert settings.slack.channels == (sample.channel("ops").id,)
    assert settings.approval.approvers == (sample.usergroup("dba").id,)


def test_the_demos_database_image_is_pinned_and_its_dumps_are_roots() -> None:
    image = DEMO["plant-db"]["image"]
    assert re.fullmatch(r"timescale/timescaledb-ha:pg17\.\d+-ts2\.\d+\.\d+-all", image)
    assert DEMO["demo-seed"]["image"] == image
    assert DEMO["demo-seed"]["user"] == "0:0"
    sql = (ROOT / "deploy" / "demo" / "sample.sql").read_text()
    assert sql.count("WITH (timescaledb.continuous)") == 4
    done = subprocess.run(["sh", "-n", str(ROOT / "deploy" / "demo" / "seed.sh")], check=False)
    assert done.returncode == 0
