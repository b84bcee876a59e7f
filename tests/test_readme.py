"""The README says what the code does: every table in it is compared with the code's own."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from bot.__main__ import _parser
from bot.adapters.slack.blocks_card import OUTCOMES
from bot.cli.audit_export import COLUMNS
from bot.core.models import Strategy
from bot.core.permissions import BUTTONS, COMMANDS
from bot.core.plan import ORDER, SPECS, StepName
from bot.core.remedies import SEQUENCE
from bot.manifest import APP_TOKEN_SCOPES, BOT_EVENTS, HTTP_PATH, SCOPES
from bot.settings import DocumentedKey, documented_keys, load_settings
from tests.browser import conftest as browser
from tests.browser.test_demo import LARGEST, PICTURES_VARIABLE
from tests.docker.environment import REQUIRE_VARIABLE
from tests.docker.image import IMAGE_VARIABLE

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
PROSE = FENCE.sub("", README)
SPANS = re.findall(r"`([^`\n]+)`", PROSE)

COMMAND_LINE = "audit|restore|rollback|manifest|check|run|health"

PUBLIC_HOSTS = {"api.slack.com", "slack.com", "tsbot.example.org"}

Row = Sequence[str]


def row(cells: Row) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def table(*head: str) -> list[list[str]]:
    """Return the cells of the one table that has this head."""
    after = PROSE.split(f"\n{row(head)}\n")
    assert len(after) == 2, f"one table with the head {head}"
    body = after[1].split("\n\n", 1)[0].splitlines()[1:]
    return [[c.replace(r"\|", "|") for c in re.split(r" ?(?<!\\)\| ?", r)[1:-1]] for r in body]


def section(title: str) -> str:
    found = re.split(rf"^#+ {re.escape(title)}$", README, flags=re.MULTILINE)
    assert len(found) == 2, f"one section {title}"
    return re.split(r"^#+ ", FENCE.sub("", found[1]), flags=re.MULTILINE)[0]


def code(text: str) -> str:
    return f"`{text}`"


def _setting(key: DocumentedKey) -> Row:
    meaning = key.description.replace("<", r"\<")  # or it would be taken for HTML
    return [code(key.name), code(key.default) if key.default else "–", meaning]


def expected_settings() -> list[Row]:
    return [_setting(key) for key in documented_keys() if not key.variable]


def expected_variables() -> list[Row]:
    return [_setting(key) for key in documented_keys() if key.variable]


def expected_commands() -> list[Row]:
    return [[code(f"{c.name} {c.usage}".strip()), c.description, c.who] for c in COMMANDS]


def expected_buttons() -> list[Row]:
    return [[button.label, button.who] for button in BUTTONS]


def expected_scopes() -> list[Row]:
    return [[code(name), meaning] for name, meaning in SCOPES.items()]


COMMAND_WORDS = "audit|restore|repair|rollback|manifest|check|runs|run|health"


def expected_options() -> list[Row]:
    return list(_options("tsbot", "", _parser()))


def _options(command: str, purpose: str, parser: argparse.ArgumentParser) -> Iterator[Row]:
    """Walk the commands: a row for each that does something, and one for each of its options."""
    below = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    if not below:
        yield [code(command), "", purpose]
    for action in parser._actions:
        if action not in below and action.dest != "help":
            yield [code(command), code(_spelled(action)), action.help or _choices(action)]
    for commands in below:
        purposes = {choice.dest: choice.help or "" for choice in commands._choices_actions}
        for name, inner in commands.choices.items():
            yield from _options(f"{command} {name}", purposes[name], inner)


def _spelled(action: argparse.Action) -> str:
    value = action.metavar or action.dest.upper()
    if not action.option_strings:
        return str(value)
    return action.option_strings[0] if action.nargs == 0 else f"{action.option_strings[0]} {value}"


def _choices(action: argparse.Action) -> str:
    return " or ".join(action.choices or ())


def test_every_setting_stands_with_its_default_and_meaning_and_no_other() -> None:
    assert table("key", "default", "meaning") == expected_settings()


def test_every_variable_of_the_environment_stands_and_no_other() -> None:
    assert table("variable", "default", "meaning") == expected_variables()


def test_every_slash_command_stands_with_its_usage_and_who_may_and_no_other() -> None:
    assert table("command", "what it does", "who may") == expected_commands()


def test_every_button_stands_with_who_may_press_it() -> None:
    assert table("button", "who may") == expected_buttons()


def test_every_subcommand_and_option_of_the_command_line_stands_and_no_other() -> None:
    assert table("command line", "option", "meaning") == expected_options()


def test_every_option_in_prose_and_examples_is_one_that_tsbot_takes() -> None:
    known = {o for cells in expected_options() for o in re.findall(r"--[a-z-]+", cells[1])}
    ours = re.findall(rf"^.*\btsbot (?:{COMMAND_WORDS})\b.*$", README, re.MULTILINE)
    typed = {o for line in ours for o in re.findall(r"(?<=\s)--[a-z-]+", _ours(line))}
    assert typed
    assert typed <= known


def _ours(line: str) -> str:
    """Return what follows tsbot's own name: options before it belong to Compose."""
    return re.split(rf"\btsbot (?={COMMAND_WORDS})", line, maxsplit=1)[1]


def test_every_scope_stands_with_what_it_is_for_and_no_other() -> None:
    assert table("scope", "what for") == expected_scopes()
    assert all(code(scope) in section("2. Get the tokens") for scope in APP_TOKEN_SCOPES)


def test_every_event_stands_and_no_other() -> None:
    sentence = ", ".join(map(code, BOT_EVENTS))
    assert f"\n{sentence}.\n" in section("1. Create the Slack app")


def test_http_mode_names_the_path_that_slack_calls() -> None:
    assert code(HTTP_PATH) in section("HTTP mode")


def test_the_steps_stand_in_their_order_with_number_and_what_is_destructive() -> None:
    names = (StepName.PREFLIGHT, *ORDER[Strategy.SWAP])
    steps = [SPECS[name] for name in names]
    expected = [[s.number or "–", s.title, "yes" if s.destructive else ""] for s in steps]
    told = table("no.", "step", "destructive", "what happens")
    assert [cells[:3] for cells in told] == expected


def test_the_steps_of_a_repair_stand_in_their_order_with_what_needs_approval() -> None:
    expected = [[SPECS[n].title, "yes" if SPECS[n].destructive else ""] for n in SEQUENCE]
    told = table("step of a repair", "needs approval", "what is found, and what happens")
    assert [cells[:2] for cells in told] == expected


def test_every_outcome_of_a_run_is_explained_and_no_other() -> None:
    told = table("outcome", "meaning", "the live database is", "do")
    assert [cells[0] for cells in told] == [code(outcome) for outcome in OUTCOMES]


def test_every_column_of_the_audit_log_stands_and_no_other() -> None:
    assert f"\n{', '.join(map(code, COLUMNS))}.\n" in section("The audit log")


def test_what_is_called_missing_is_missing() -> None:
    paragraph = README.split("**Not yet.**")[1].split("\n\n")[0]
    missing = set(re.findall(r"`(/[a-z]+)`", paragraph))
    assert missing - {"/restore"} == set()
    assert not (missing - {"/restore"}) & {command.name for command in COMMANDS}


def test_only_slash_commands_that_exist_are_used_elsewhere() -> None:
    body = PROSE.replace(PROSE.split("**Not yet.**")[1].split("\n\n")[0], "")
    words = {span.split()[0] for span in re.findall(r"`([^`\n]+)`", body) if span[0] == "/"}
    commands = {word for word in words if re.fullmatch(r"/[a-z]+", word)}
    assert commands - {"/invite"} == {command.name for command in COMMANDS}


@pytest.mark.parametrize("target", sorted(set(re.findall(r"^make ([a-z]+)", README, re.M))))
def test_each_make_target_exists(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_the_two_commands_for_contributors_are_there() -> None:
    told = section("The test command")
    assert "make test" in re.findall(r"^make .*$", README, re.MULTILINE)
    assert ".ci/run" in told
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
    variables = (REQUIRE_VARIABLE, IMAGE_VARIABLE, browser.REQUIRE_VARIABLE, PICTURES_VARIABLE)
    assert [name for name in variables if name not in told] == []


def test_the_first_screen_shows_a_run_and_the_two_commands_before_anything_else() -> None:
    first = README.split("**Why a bot for that.**")[0]
    assert re.findall(r"^make [a-z]+", first, re.MULTILINE) == ["make demo", "make test"]
    assert first.index("<picture>") < first.index("make demo") < first.index("](#the-demo)")


def test_every_picture_is_small_described_and_shown() -> None:
    shown = re.findall(r'(?:src|srcset)="([^"]*)"', README)
    described = re.findall(r'<img [^>]*\balt="[^"]{40,}"', README)
    files = [path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.png")]
    assert sorted(shown) == sorted(files)
    assert len(described) == README.count("<img ")
    assert [path for path in shown if (ROOT / path).stat().st_size > LARGEST] == []


def test_the_demo_s_section_says_of_each_part_what_is_real_and_what_is_not() -> None:
    told = {cells[0]: cells[1:] for cells in table("in the demo", "real", "a stand-in")}
    stand_ins = [part for part, (_, stand_in) in told.items() if stand_in]
    packages = {path.parent.name for path in (ROOT / "bot" / "sandbox").glob("*/__init__.py")}
    assert packages == {"demo", "engine", "postgres", "slack", "timescaledb"}, "tell of the new one"
    assert stand_ins == ["**Slack**", "**Docker**", "**TimescaleDB**", "**Applications**"]
    assert [part for part, (real, _) in told.items() if not real] == ["**TimescaleDB**"]


def _anchors() -> list[str]:
    """Return the anchors that headings get: lower case, dashes for spaces, punctuation gone."""
    titles = re.findall(r"^#+ (.*)$", PROSE, re.MULTILINE)
    return [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles]


def test_every_link_inside_leads_to_a_heading_and_no_two_headings_share_one() -> None:
    anchors = _anchors()
    assert len(anchors) == len(set(anchors))
    wanted = set(re.findall(r"\]\(#([^)]*)\)", README))
    assert wanted
    assert wanted <= set(anchors)


def test_the_contents_list_every_chapter_in_order() -> None:
    chapters = re.findall(r"^## (.*)$", PROSE, re.MULTILINE)
    listed = re.findall(r"^- \[(.*)\]\(#", section("Contents"), re.MULTILINE)
    assert listed == chapters[chapters.index("Contents") + 1 :]


def test_every_link_to_a_file_leads_to_one() -> None:
    links = re.findall(r"\]\(([^)#][^)]*)\)", README)
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_path_of_this_repository_that_is_named_exists() -> None:
    tops = {path.name for path in ROOT.iterdir()} - {".venv", "secrets", "tsbot.toml", ".env"}
    named = [s for s in SPANS if s.split("/")[0] in tops and re.fullmatch(r"[\w./-]+", s)]
    assert {"tsbot.example.toml", "deploy/haproxy.cfg", "compose.yaml"} <= set(named)
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_package_is_in_the_map() -> None:
    packages = [path.parent for path in (ROOT / "bot").glob("*/__init__.py")]
    names = ["handlers", "tests", *(str(path.relative_to(ROOT)) for path in packages)]
    told = README.split("\n## Architecture\n")[1].split("\n## ")[0]
    assert len(names) > 5
    assert [name for name in names if name not in told] == []


def test_only_public_hosts_are_named() -> None:
    hosts = set(re.findall(r"https?://([\w.-]+)", README))
    assert hosts <= PUBLIC_HOSTS


def test_every_variable_that_compose_wants_is_explained() -> None:
    compose = (ROOT / "compose.yaml").read_text()
    wanted = set(re.findall(r"\$\{(\w+):\?", compose))
    secrets = set(re.findall(r"\./secrets/(\w+)", compose))
    told = re.split(r"^### ", README, flags=re.MULTILINE)
    steps = "".join(part for part in told if part.startswith(("5. ", "6. ")))
    assert wanted
    assert secrets
    assert [name for name in wanted if f"\n{name}=" not in steps] == []
    assert [name for name in secrets if f"secrets/{name}\n" not in steps] == []


def test_the_smallest_settings_file_shown_is_valid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [shown] = re.findall(r"^```toml\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    file = tmp_path / "tsbot.toml"
    file.write_text(shown, encoding="utf-8")
    monkeypatch.setenv("TSBOT_TARGET_PROD_PASSWORD", "throwaway")
    settings = load_settings(file)
    assert list(settings.targets) == ["prod"]
    assert [w for w in settings.warnings if "docker_plain" not in w] == []
