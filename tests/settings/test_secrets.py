"""Secrets come from the environment, never from the file, and are never shown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.settings import dsn, secret_values
from tests.settings.samples import MINIMAL, Load, in_target, mistakes, only_mistake


def test_tokens_come_from_the_environment_and_hide_in_repr(load: Load) -> None:
    settings = load(SLACK_BOT_TOKEN="xoxb-1", SLACK_APP_TOKEN="xapp-2", SLACK_SIGNING_SECRET="s3")
    assert settings.slack.bot_token.get_secret_value() == "xoxb-1"
    assert settings.slack.app_token.get_secret_value() == "xapp-2"
    assert settings.slack.signing_secret.get_secret_value() == "s3"
    assert not re.search("xoxb-1|xapp-2|s3'", repr(settings))


def test_a_secret_file_loses_only_its_line_end(load: Load, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(" p w \n", encoding="utf-8")
    file.chmod(0o600)
    settings = load(TSBOT_TARGET_PROD_PASSWORD_FILE=str(file))
    assert dsn.password_of(settings.targets["prod"].dsn.get_secret_value()) == " p w "
    assert settings.warnings == ()


def test_a_secret_file_others_can_read_is_a_warning(load: Load, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("xoxb-1", encoding="utf-8")
    file.chmod(0o644)
    assert "others can read it" in load(SLACK_BOT_TOKEN_FILE=str(file)).warnings[0]


def test_a_secret_given_twice_is_refused(load: Load) -> None:
    line = only_mistake(load, MINIMAL, SLACK_BOT_TOKEN="xoxb-1", SLACK_BOT_TOKEN_FILE="/t")
    assert line.startswith("SLACK_BOT_TOKEN: given twice")


def test_a_secret_file_that_cannot_be_read_is_named(load: Load, tmp_path: Path) -> None:
    missing = tmp_path / "nothing"
    line = only_mistake(load, MINIMAL, SLACK_BOT_TOKEN_FILE=str(missing))
    assert line == f"SLACK_BOT_TOKEN_FILE = {missing}: cannot be read: No such file or directory"


def test_an_empty_secret_file_is_refused(load: Load, tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n", encoding="utf-8")
    assert "is empty" in only_mistake(load, MINIMAL, SLACK_BOT_TOKEN_FILE=str(tmp_path / "empty"))


def test_a_secret_put_into_a_file_variable_is_not_repeated(load: Load) -> None:
    assert "hunter2" not in only_mistake(load, MINIMAL, SLACK_BOT_TOKEN_FILE="xoxb-hunter2")


def test_an_empty_variable_counts_as_not_set(load: Load) -> None:
    settings = load(SLACK_BOT_TOKEN="", TSBOT_TARGET_PROD_PASSWORD="")
    assert settings.slack.bot_token.get_secret_value() == ""


def test_the_password_is_joined_with_the_dsn_of_the_file(load: Load) -> None:
    settings = load(TSBOT_TARGET_PROD_PASSWORD="p@ss/w:rd#%")
    assert settings.targets["prod"].dsn.get_secret_value() == (
        "postgresql://postgres:p%40ss%2Fw%3Ard%23%25@db:5432/postgres"
    )


def test_the_dsn_of_the_environment_goes_before_the_file(load: Load) -> None:
    settings = load(TSBOT_TARGET_PROD_DSN="postgresql://admin:pw@other/maintenance")
    assert settings.targets["prod"].maintenance_database == "maintenance"
    assert "pw" in secret_values(settings)


def test_a_password_in_the_dsn_and_beside_it_is_refused(load: Load) -> None:
    variables = {"TSBOT_TARGET_PROD_DSN": "postgresql://u:hunter2@h/postgres"}
    line = only_mistake(load, MINIMAL, **variables, TSBOT_TARGET_PROD_PASSWORD="hunter3")
    assert line.startswith("TSBOT_TARGET_PROD_PASSWORD: is given twice")
    assert "hunter" not in line


def test_a_variable_for_no_target_is_refused_with_the_nearest_name(load: Load) -> None:
    line = only_mistake(load, MINIMAL, TSBOT_TARGET_PROD_PASWORD="x")
    assert line.endswith("did you mean TSBOT_TARGET_PROD_PASSWORD?")


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        (in_target('password = "hunter2"'), "TSBOT_TARGET_PROD_PASSWORD"),
        (in_target('pasword = "hunter2"\npassw = "hunter2"'), "TSBOT_TARGET_PROD_PASSWORD"),
        (in_target('dsn = "postgresql://u:hunter2@db/postgres"'), "TSBOT_TARGET_PROD_PASSWORD"),
        (in_target('dsn = "postgresql://u:h@r/hunter2@db/postgres"'), "TSBOT_TARGET_PROD_PASSWORD"),
        (in_target('dsn = "host=db password=hunter2"'), "must be a URI"),
        (in_target('dsn = "postgresql://u@db/postgres?password=hunter2"'), "must not carry"),
        (in_target('dsnn = "postgresql://u:hunter2@db/postgres"'), "TSBOT_TARGET_PROD_PASSWORD"),
        (in_target('docker = "tcp://me:hunter2@db:2375"'), "TSBOT_TARGET_PROD_PASSWORD"),
        (MINIMAL + '[slack]\nbot_token = "hunter2"', "SLACK_BOT_TOKEN or SLACK_BOT_TOKEN_FILE"),
        (MINIMAL + '[slack]\nchannels = ["xoxb-hunter2"]', "does not belong in this file"),
        (MINIMAL + '[slack]\nextra = { any = "hunter2" }', "unknown key"),
        ('token = "hunter2"\n' + MINIMAL, "does not belong in this file"),
    ],
)
def test_a_secret_in_the_file_is_refused_and_never_printed(
    load: Load, text: str, instead: str
) -> None:
    lines = mistakes(load, text)
    assert instead in "\n".join(lines)
    assert "hunter2" not in "\n".join(lines)


def test_a_secret_taken_out_of_the_file_is_not_also_called_missing(load: Load) -> None:
    only_mistake(load, in_target('dsn = "postgresql://u:hunter2@db/postgres"'))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SLACK_BOT_TOKEN", "xapp-hunter2"),
        ("SLACK_APP_TOKEN", "xoxb-hunter2"),
        ("SLACK_SIGNING_SECRET", "xoxb-hunter2"),
        ("SLACK_BOT_TOKEN", "xoxb-hunter2\n"),
    ],
)
def test_tokens_mixed_up_when_copied_are_told_apart(load: Load, name: str, value: str) -> None:
    line = only_mistake(load, MINIMAL, **{name: value})
    assert line.startswith(f"{name}: ")
    assert "hunter2" not in line


def test_the_redactor_gets_every_form_of_every_secret_longest_first(load: Load) -> None:
    settings = load(SLACK_BOT_TOKEN="xoxb-1", TSBOT_TARGET_PROD_PASSWORD="a/b")
    assert secret_values(settings) == (
        "postgresql://postgres:a%2Fb@db:5432/postgres",
        "xoxb-1",
        "a%2Fb",
        "a/b",
    )


def test_without_secrets_the_redactor_gets_nothing(load: Load) -> None:
    assert secret_values(load()) == ()


def test_the_address_of_a_webhook_is_a_secret_and_the_path_of_a_file_is_none(load: Load) -> None:
    url = "https://logs.example.org/hook/T0KEN"
    assert secret_values(load(f'{MINIMAL}[audit]\nwitness = "{url}"\n')) == (url,)
    assert secret_values(load(f'{MINIMAL}[audit]\nwitness = "/mnt/heads.txt"\n')) == ()


@pytest.mark.parametrize("password", ["postgres", "ecoanp", "prod", "swap"])
def test_a_password_that_is_a_word_of_the_settings_is_warned_of_and_takes_no_name_from_the_log(
    load: Load, password: str
) -> None:
    settings = load(TSBOT_TARGET_PROD_PASSWORD=password)
    [warning] = settings.warnings
    assert warning.startswith("targets.prod: its password is a word of the settings as well")
    assert password not in secret_values(settings)


def test_another_target_s_name_is_no_password_to_keep_out_of_the_log_either(load: Load) -> None:
    another = MINIMAL.replace("prod", "metrics").replace("ecoanp", "measured")
    settings = load(MINIMAL + another, TSBOT_TARGET_PROD_PASSWORD="metrics")
    assert [w.split(":")[0] for w in settings.warnings] == ["targets.prod"]
    assert "metrics" not in secret_values(settings)


def test_any_other_password_is_kept_out_of_the_log(load: Load) -> None:
    settings = load(TSBOT_TARGET_PROD_PASSWORD="tsdb")
    assert settings.warnings == ()
    assert "tsdb" in secret_values(settings)
