"""The documentation as a site: it builds strictly, loads nothing from elsewhere, and is made of the code."""

import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rendezvous_cli.main import COMMANDS

from tools.docs.hook import MADE
from tools.docs.links import ROOT, relink

# A page of documentation links to others' sites; what it loads is another matter.
_LOADS = {"script": "src", "img": "src", "iframe": "src", "source": "src", "object": "data"}
_LOADING_LINKS = {"stylesheet", "icon", "preload", "preconnect", "dns-prefetch", "modulepreload", "manifest"}


class Loads(HTMLParser):
    """What a page has a browser load."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in _LOADS and _LOADS[tag] in given:
            self.found.append(given[_LOADS[tag]])
        if tag == "link" and _LOADING_LINKS & set(given.get("rel", "").split()):
            self.found.append(given["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs") / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=250, env=environment
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


def test_the_site_builds_strictly_and_loads_nothing_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 30
    loaded = {each for page in pages for each in Loads(page.read_text()).found}
    assert any(each.endswith(".js") for each in loaded)
    assert [each for each in loaded if each.startswith(("http:", "https:", "//"))] == []
    styles = [page.read_text() for page in site.rglob("*.css")]
    assert not [each for each in styles if "url(http" in each or "url(//" in each or "@import" in each]


def test_every_command_and_setting_is_in_the_reference() -> None:
    commands = MADE["reference/command-line.md"]()
    assert [name for name in COMMANDS if f"## rendezvous {name}" not in commands] == []
    assert "`--gate`" in commands
    settings = MADE["reference/settings.md"]()
    for name in (
        "BOOTSTRAP_SERVERS",
        "TRACES_ENDPOINT",
        "TRACES_RATE",
        "ANSWERS_KEPT",
        "MODEL",
        "LOCAL_DATA_DIR",
    ):
        assert f"`RENDEZVOUS_{name}`" in settings
    assert settings.count("`RENDEZVOUS_TRACES_ENDPOINT`") == 1
    messages = MADE["reference/control-messages.md"]()
    assert "### StartRollout" in messages
    assert "Chosen by the author; a second message with the same id changes nothing." in messages
    policy = MADE["reference/policy.md"]()
    assert "`requires_approval`" in policy
    assert "`p99_ms`" in policy


@pytest.mark.parametrize(
    ("link", "source", "page", "expected"),
    [
        ("[a](control.md#x)", "docs/architecture.md", "architecture.md", "[a](control.md#x)"),
        ("[a](../docs/control.md)", "cli/README.md", "reference/services/cli.md", "[a](../../control.md)"),
        ("[a](../services/decoy/README.md)", "docs/x.md", "x.md", "[a](reference/services/decoy.md)"),
        ("[a](../Makefile)", "docs/x.md", "x.md", "a (`Makefile`)"),
        ("[a](../no-such-file)", "docs/x.md", "x.md", "[a](../no-such-file)"),
        ("[a](https://example.org)", "docs/x.md", "x.md", "[a](https://example.org)"),
        ("`[a](../Makefile)`", "docs/x.md", "x.md", "`[a](../Makefile)`"),
    ],
)
def test_links_hold_in_the_repository_and_on_the_site(
    link: str, source: str, page: str, expected: str
) -> None:
    assert relink(link, source, page) == expected
