"""The page is one file under a policy that lets nothing else in."""

from __future__ import annotations

import re
import urllib.request

import pytest

from bot.sandbox.slack import SlackServer
from bot.sandbox.slack.page.document import document


def policy() -> dict[str, str]:
    parts = document().headers["Content-Security-Policy"].split("; ")
    return {name: value for name, _, value in (part.partition(" ") for part in parts)}


@pytest.mark.parametrize("path", ["/", "/?as=ana", "/archives/C0OPS/p1772355600000001"])
def test_the_page_is_served_with_its_headers(server: SlackServer, path: str) -> None:
    with urllib.request.urlopen(server.base_url + path, timeout=5) as response:
        assert response.read() == document().body
        assert response.headers.get_content_type() == "text/html"
        for name, value in document().headers.items():
            assert response.headers[name] == value


def test_nothing_runs_or_loads_but_the_page_s_own_script_and_style() -> None:
    rules = policy()
    assert rules["default-src"] == "'none'"
    assert re.fullmatch(r"'sha256-[\w+/=]{44}'", rules["script-src"])
    assert re.fullmatch(r"'sha256-[\w+/=]{44}'", rules["style-src"])
    assert rules["connect-src"] == "'self'"
    assert rules["frame-ancestors"] == rules["form-action"] == rules["base-uri"] == "'none'"
    assert rules["require-trusted-types-for"] == "'script'"


def test_the_page_names_no_other_address() -> None:
    text = document().body.decode()
    namespaces = {"http://www.w3.org/2000/svg"}
    assert set(re.findall(r"https?://[\w.][^\s'\"`)]*", text)) <= namespaces
    assert re.findall(r"\s(?:src|srcset|action|formaction)=", text) == []
    assert re.findall(r"@import|url\(", text) == []


def test_the_script_never_makes_html_of_text() -> None:
    text = document().body.decode()
    sinks = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc"
    assert re.findall(sinks, text) == []
    assert re.findall(r"<[^>]*\son\w+=", text.split("<script>")[0]) == []
