"""What mkdocs calls: pages that are made of the code, pages that stand elsewhere, and the links of all."""

from collections.abc import Callable, Mapping

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from tools.docs.commands import commands_page
from tools.docs.links import ROOT, TAKEN_IN, relink
from tools.docs.messages import control_page, stream_page
from tools.docs.policy import policy_page
from tools.docs.settings import settings_page

MADE: Mapping[str, Callable[[], str]] = {
    "reference/control-messages.md": control_page,
    "reference/stream-messages.md": stream_page,
    "reference/policy.md": policy_page,
    "reference/settings.md": settings_page,
    "reference/command-line.md": commands_page,
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made, and those of the repository that are taken in."""
    for path, make in MADE.items():
        files.append(File.generated(config, path, content=make()))
    for source, path in TAKEN_IN.items():
        content = relink((ROOT / source).read_text(), source, path)
        files.append(File.generated(config, path, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - as mkdocs calls it
    """Make the links of a page of docs/ hold on the site too."""
    path = page.file.src_uri
    return markdown if page.file.generated_by else relink(markdown, f"docs/{path}", path)
