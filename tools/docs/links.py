"""Links of pages that are read in the repository and on the site."""

import posixpath
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Pages that stand elsewhere in the repository, and where the site has them.
TAKEN_IN = {
    f"{folder}/README.md": f"reference/services/{name}.md"
    for name, folder in (
        *((each, f"services/{each}") for each in ("gateway", "feature-extractor", "model-container")),
        *((each, f"services/{each}") for each in ("rendezvous", "canary", "decoy", "operator")),
        *(("client", "libs/client"), ("cli", "cli")),
    )
} | {"examples/wine/README.md": "example.md", "CONTRIBUTING.md": "contributing.md"}
_LINK = re.compile(r"(?<!!)\[([^\]\n]+)\]\(([^)\s#]*)(#[^)\s]*)?\)")
_CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)


def relink(markdown: str, source: str, page: str) -> str:
    """
    Return *markdown*, which stands at *source* in the repository, with links that hold at *page* of the site.

    What the repository has and the site does not becomes its path. Other links stay as they are, so that a
    strict build finds those that lead nowhere.
    """
    held: list[str] = []

    def hold(match: re.Match[str]) -> str:
        held.append(match[0])
        return f"\0{len(held) - 1}\0"

    def link(match: re.Match[str]) -> str:
        text, target, anchor = match[1], match[2], match[3] or ""
        if not target or ":" in target:
            return match[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        there = TAKEN_IN.get(path) or (path.removeprefix("docs/") if path.startswith("docs/") else None)
        if there is not None:
            return f"[{text}]({posixpath.relpath(there, posixpath.dirname(page) or '.')}{anchor})"
        return f"{text} (`{path}`)" if (ROOT / path).exists() else match[0]

    relinked = _LINK.sub(link, _CODE.sub(hold, markdown))
    return re.sub("\0(\\d+)\0", lambda match: held[int(match[1])], relinked)
