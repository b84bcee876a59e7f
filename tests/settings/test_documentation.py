"""The example file and the list of keys say what the code does."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from bot.settings import documented_keys, load_settings
from tests.settings.samples import MINIMAL, Load

ROOT = Path(__file__).parents[2]


def test_the_example_file_loads() -> None:
    assert list(load_settings(ROOT / "tsbot.example.toml").targets) == ["prod"]


def test_the_example_file_shows_every_key_with_its_default() -> None:
    text = (ROOT / "tsbot.example.toml").read_text(encoding="utf-8")
    sections = re.split(r"^\[", text, flags=re.MULTILINE)
    by_name = {part.split("]")[0].replace("prod", "NAME"): part for part in sections[1:]}
    for key in documented_keys():
        section, _, name = key.name.rpartition(".")
        if key.variable or section.endswith(".tls"):
            continue
        line = re.search(rf"^(# )?{name} = (.*)$", by_name[section], re.MULTILINE)
        assert line, key.name
        if line[1]:  # commented out: it shows the default
            assert line[2].startswith(key.default), key.name


def test_the_example_file_names_every_secret() -> None:
    text = (ROOT / "tsbot.example.toml").read_text(encoding="utf-8")
    secrets = [k.name for k in documented_keys() if k.variable and not k.name.endswith("_FILE")]
    assert [name for name in secrets if name not in text] == ["TSBOT_CONFIG"]


def test_every_documented_default_is_what_an_empty_section_gives(load: Load) -> None:
    keys = {k.name: k for k in documented_keys() if not k.variable}
    assert all(key.description for key in keys.values())
    lines = {"slack": "", "approval": "", "audit": ""}
    for key in keys.values():
        section = key.name.partition(".")[0]
        if section in lines and key.default:
            lines[section] += f"{key.key} = {key.default}\n"
    text = "".join(f"[{name}]\n{body}" for name, body in lines.items())
    assert tomllib.loads(text)["approval"]["timeout"] == "30m"
    plain, spelled = load(MINIMAL), load(MINIMAL + text)
    assert (plain.slack, plain.approval, plain.audit_path) == (
        spelled.slack,
        spelled.approval,
        spelled.audit_path,
    )


def test_no_secret_is_documented_as_a_key_of_the_file() -> None:
    names = [key.name for key in documented_keys() if not key.variable]
    assert not [name for name in names if re.search("token|secret|password", name)]
