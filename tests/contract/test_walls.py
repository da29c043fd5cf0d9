"""Who may import whom. Read from the sources: an import that only some paths reach counts as well."""

import ast
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Final, NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Contracts, engine and control compute; files, clocks, chance, threads and the network are for others.
PURE: Final = frozenset({"contracts", "engine", "control"})
IMPURE: Final = frozenset(
    {
        "aiohttp",
        "asyncio",
        "concurrent",
        "confluent_kafka",
        "ctypes",
        "datetime",
        "faust",
        "ftplib",
        "getpass",
        "glob",
        "http",
        "importlib",
        "io",
        "logging",
        "mmap",
        "mode",
        "multiprocessing",
        "os",
        "pathlib",
        "pickle",
        "prometheus_client",
        "queue",
        "random",
        "requests",
        "secrets",
        "select",
        "selectors",
        "shutil",
        "signal",
        "socket",
        "sqlite3",
        "ssl",
        "structlog",
        "subprocess",
        "sys",
        "tempfile",
        "threading",
        "time",
        "urllib",
        "uuid",
    }
)
# Libraries that a member may import with another one that it declares: which release, that one says.
COMES_WITH: Final = {"requests": {"docker"}, "urllib3": {"kubernetes"}}
IMPURE_CALLS: Final = frozenset({"open", "print", "input", "eval", "exec", "__import__", "breakpoint"})


class Member(NamedTuple):
    """One package of the workspace."""

    kind: str
    name: str
    folder: Path
    distribution: str
    declared: frozenset[str]

    def modules(self) -> list[Path]:
        """Its sources, without generated code."""
        return [
            path for path in sorted((self.folder / "src").rglob("*.py")) if not path.stem.endswith("_pb2")
        ]

    def packages(self) -> set[str]:
        """The names by which others import it."""
        return {path.name for path in (self.folder / "src").iterdir() if any(path.rglob("*.py"))}


def member(path: Path) -> Member:
    project = tomllib.loads(path.read_text())["project"]
    extras = project.get("optional-dependencies", {}).values()
    requirements = [*project.get("dependencies", []), *(each for extra in extras for each in extra)]
    names = frozenset(requirement_name(text) for text in requirements)
    folder = path.parent
    return Member(folder.parent.name, folder.name, folder, project["name"], names)


def requirement_name(text: str) -> str:
    name = text
    for mark in "[<>=!~; ":
        name = name.partition(mark)[0]
    return normal(name)


def normal(distribution: str) -> str:
    return distribution.lower().replace("_", "-").replace(".", "-")


MEMBERS: Final = [
    member(path)
    for pattern in ("libs/*/pyproject.toml", "services/*/pyproject.toml", "cli/pyproject.toml")
    for path in sorted(ROOT.glob(pattern))
]
OWNER: Final = {package: each for each in MEMBERS for package in each.packages()}


class Import(NamedTuple):
    """One import: where, and the top package and the whole name of what."""

    place: str
    package: str
    name: str


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def imports(path: Path) -> Iterator[Import]:
    for node in ast.walk(tree(path)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{place(path, node)}: a relative import hides where it leads"
            names = [node.module or ""]
        yield from (Import(place(path, node), name.partition(".")[0], name) for name in names)


def place(path: Path, node: ast.AST) -> str:
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"


def all_imports(of: Member) -> list[Import]:
    return [each for path in of.modules() for each in imports(path)]


def each_member(*kinds: str) -> pytest.MarkDecorator:
    chosen = [each for each in MEMBERS if not kinds or each.kind in kinds]
    return pytest.mark.parametrize("of", chosen, ids=lambda each: each.name)


def test_the_walls_see_the_whole_workspace() -> None:
    assert {each.kind for each in MEMBERS} == {"libs", "services", ROOT.name}
    assert {each.name for each in MEMBERS} >= PURE | {"gateway", "rendezvous", "cli"}
    assert {"rendezvous_engine", "scoring", "rendezvous_gateway", "rendezvous_cli"} <= OWNER.keys()
    assert all(each.modules() for each in MEMBERS)


@each_member("services")
def test_no_service_imports_another(of: Member) -> None:
    others = [
        each for each in all_imports(of) if owner_kind(each) == "services" and OWNER[each.package] != of
    ]

    assert others == []


@each_member("libs")
def test_no_library_imports_a_service_or_the_command_line(of: Member) -> None:
    assert [each for each in all_imports(of) if owner_kind(each) not in {"libs", None}] == []


def owner_kind(imported: Import) -> str | None:
    owner = OWNER.get(imported.package)
    return owner.kind if owner else None


@pytest.mark.parametrize("of", [each for each in MEMBERS if each.name in PURE], ids=lambda each: each.name)
def test_the_pure_libraries_neither_read_nor_write_nor_wait(of: Member) -> None:
    assert [each for each in all_imports(of) if each.package in IMPURE] == []
    assert [call for path in of.modules() for call in impure_calls(path)] == []


def impure_calls(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in IMPURE_CALLS:
            yield f"{place(path, node)}: {node.func.id}"


@pytest.mark.parametrize("of", [each for each in MEMBERS if each.name in PURE], ids=lambda each: each.name)
def test_the_pure_libraries_stand_on_pure_ones(of: Member) -> None:
    owners = {OWNER[each.package].name for each in all_imports(of) if each.package in OWNER}

    assert owners <= {of.name, "contracts"}


@each_member()
def test_a_member_imports_only_the_workspace_packages_that_it_declares(of: Member) -> None:
    workspace = [each for each in all_imports(of) if each.package in OWNER and OWNER[each.package] != of]

    assert [each for each in workspace if normal(OWNER[each.package].distribution) not in of.declared] == []


@each_member()
def test_what_a_member_imports_is_installed_with_it(of: Member) -> None:
    """Outside the workspace: declared by the member or by a library of ours that it stands on."""
    declared = declared_below(of)
    foreign = [each for each in all_imports(of) if each.package not in {*OWNER, *sys.stdlib_module_names}]

    assert [each for each in foreign if not bringers(each.package) & declared] == []


def bringers(package: str) -> set[str]:
    return installed().get(package, set()) | COMES_WITH.get(package, set())


def declared_below(of: Member) -> set[str]:
    found = set(of.declared)
    for each in MEMBERS:
        if normal(each.distribution) in of.declared:
            found |= declared_below(each)
    return found


@cache
def installed() -> dict[str, set[str]]:
    """Return the distributions that bring each package."""
    return {package: set(map(normal, names)) for package, names in packages_distributions().items()}
