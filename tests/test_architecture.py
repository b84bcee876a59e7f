"""The rules of the house: who imports whom, what stays in one place, and how long things get."""

from __future__ import annotations

import ast
import re
import sys

import pytest

from tests.source import ROOT, Module, length, modules, nesting, undocumented

MODULES = modules()
SANDBOX = "bot.sandbox"
# `tsbot demo`: the bot among its stand-ins
DEMO = ("bot.cli.demo", "bot.cli.demo_scene", "bot.cli.demo_story")
PRODUCT = tuple(module for module in MODULES if not module.within(SANDBOX))

# Bolt is what the handlers are written for, and these wire it; with it comes slack_sdk, whose
# client it hands to listeners.
BOLT = ("handlers", "bot.slack_app", "bot.connection", "bot.socket_mode")
HOMES = {
    "apscheduler": ("bot.adapters.timers",),
    "docker": ("bot.adapters.docker_host",),
    "paramiko": ("bot.adapters.docker_host",),  # docker's, for ssh://
    "psycopg": ("bot.adapters.postgres", SANDBOX),
    "pydantic": ("bot.settings",),
    "pydantic_core": ("bot.settings",),
    "pydantic_settings": ("bot.settings",),
    "requests": ("bot.adapters.docker_host",),  # docker's: its errors come through
    "simple_websocket": ("bot.sandbox.slack",),
    "slack_bolt": BOLT,
    "slack_sdk": ("bot.adapters.slack", *BOLT),
    "sqlite_utils": ("bot.adapters.audit_log",),
    "urllib3": ("bot.adapters.docker_host",),  # the same
    "yaml": ("bot.manifest",),
}
# What may be imported of ours. Who is not named here wires the rest together, and is out of reach
# of all that is named.
INWARDS = {
    "bot.core": ("bot.core",),
    "bot.settings": ("bot.settings", "bot.core"),
    "bot.manifest": ("bot.core",),
    "handlers": ("handlers", "bot.core", "bot.adapters.slack"),
    SANDBOX: (SANDBOX, "bot.core.permissions"),  # the workspace offers the commands there are
}

MAX_MODULE, MAX_FUNCTION, MAX_NESTING = 300, 50, 3  # lines, lines, blocks
VAGUE = re.compile(r"(^|_)(manager|helper|util|misc|common)s?($|_)")


def is_ours(name: str) -> bool:
    return name.split(".")[0] in {"bot", "handlers", "tests"}


def is_inside(name: str, packages: tuple[str, ...]) -> bool:
    return Module(name, "").within(*packages)


def test_the_rules_see_the_whole_project() -> None:
    names = {module.name for module in MODULES}
    assert len(names) == len(MODULES) > 100
    assert {"bot.core.plan", "bot.__main__", "handlers.commands", "bot.sandbox.slack"} <= names


def test_the_core_needs_the_standard_library_only() -> None:
    foreign = [
        (module.name, name)
        for module in MODULES
        if module.within("bot.core")
        for name in module.imports()
        if not is_ours(name) and name.split(".")[0] not in sys.stdlib_module_names
    ]
    assert foreign == []


@pytest.mark.parametrize("package", INWARDS)
def test_imports_point_inwards(package: str) -> None:
    outwards = [
        (module.name, name)
        for module in MODULES
        if module.within(package)
        for name in module.imports()
        if is_ours(name) and name != "bot" and not is_inside(name, INWARDS[package])
    ]
    assert outwards == []


def test_an_adapter_knows_the_core_and_itself_but_no_other_adapter() -> None:
    strangers = [
        (module.name, name)
        for module in MODULES
        if module.within("bot.adapters")
        for name in module.imports()
        if is_ours(name) and not is_inside(name, ("bot.core", adapter(module.name)))
    ]
    assert strangers == []


def adapter(name: str) -> str:
    return ".".join(name.split(".")[:3])


def test_the_product_never_imports_its_stand_ins() -> None:
    product = [module for module in PRODUCT if not module.within(*DEMO)]
    assert [m.name for m in product if any(is_inside(n, (SANDBOX,)) for n in m.imports())] == []


def test_no_module_imports_tests() -> None:
    assert [m.name for m in MODULES if any(n.startswith("tests") for n in m.imports())] == []


def test_each_third_party_library_is_imported_in_one_place() -> None:
    astray = [
        (module.name, name)
        for module in MODULES
        for name in module.imports()
        if not is_ours(name)
        and (library := name.split(".")[0]) not in sys.stdlib_module_names
        and not module.within(*HOMES.get(library, ()))
    ]
    assert astray == []


def test_no_library_is_named_that_nothing_imports() -> None:
    used = {name.split(".")[0] for module in MODULES for name in module.imports()}
    assert set(HOMES) - used == set()


def reads_environment(tree: ast.Module) -> bool:
    """Whether a module asks for os.environ or os.getenv, under whatever name."""
    names = {"environ", "environb", "getenv", "getenvb"}
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    aliases = {node.name for node in ast.walk(tree) if isinstance(node, ast.alias)}
    return bool(names & (attributes | aliases))


def test_only_the_settings_read_the_environment() -> None:
    readers = {m.name for m in PRODUCT if reads_environment(m.tree)}
    others = {name for name in readers if not is_inside(name, ("bot.settings",))}
    assert others == {"bot.cli.operating"}  # SUDO_USER: who sits at the terminal is no setting


def test_the_one_exception_reads_one_variable_once() -> None:
    (operating,) = (module for module in PRODUCT if module.name == "bot.cli.operating")
    assert (
        operating.text.count("environ") == operating.text.count('os.environ.get("SUDO_USER")') == 1
    )


def test_only_the_settings_read_toml() -> None:
    readers = {m.name for m in PRODUCT if any(n.startswith("tomllib") for n in m.imports())}
    assert all(is_inside(name, ("bot.settings",)) for name in readers)
    assert readers


def test_no_module_is_too_long() -> None:
    sizes = {module.name: len(module.text.splitlines()) for module in MODULES}
    assert {name: size for name, size in sizes.items() if size > MAX_MODULE} == {}


def test_no_function_is_too_long() -> None:
    sizes = {f"{m.name}.{f.name}": length(f) for m in MODULES for f in m.functions()}
    assert {name: size for name, size in sizes.items() if size > MAX_FUNCTION} == {}


def test_nothing_is_nested_too_deeply() -> None:
    depths = {module.name: nesting(module.tree) for module in MODULES}
    assert {name: depth for name, depth in depths.items() if depth > MAX_NESTING} == {}


def test_every_public_name_has_a_docstring() -> None:
    assert [f"{m.name}.{name}" for m in MODULES for name in undocumented(m.tree)] == []


def test_every_module_says_what_it_is_for() -> None:
    assert [m.name for m in MODULES if ast.get_docstring(m.tree) is None] == []


def test_no_file_has_a_name_that_says_nothing() -> None:
    paths = [p for top in ("bot", "handlers", "tests") for p in (ROOT / top).rglob("*.py")]
    assert [str(path) for path in paths if VAGUE.search(path.stem)] == []


NESTED = """
def shallow(a):
    if a:
        pass
    elif not a:
        pass
    else:
        for b in a:
            with b:
                pass

class Outer:
    '''Documented.'''
    def method(self):
        def inner(): pass
    def _private(self): ...
"""


def test_nesting_is_counted_as_people_see_it() -> None:
    assert nesting(ast.parse(NESTED)) == 3
    assert nesting(ast.parse("def f():\n while 1:\n  try: x\n  except E:\n   if y: z")) == 3


def test_public_names_are_those_others_can_reach() -> None:
    assert list(undocumented(ast.parse(NESTED))) == ["shallow", "Outer.method"]


def test_a_functions_length_is_counted_from_its_def() -> None:
    (shallow, *_) = Module("sample", NESTED).functions()
    assert (shallow.name, length(shallow)) == ("shallow", 9)


def test_vague_names_are_told_from_telling_ones() -> None:
    vague = ("utils", "helper", "run_manager", "common")
    assert all(VAGUE.search(name) for name in vague)
    assert not any(VAGUE.search(name) for name in ("utilisation", "management", "commons_fee"[3:]))
