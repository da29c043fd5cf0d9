"""
YAML for policy documents: plain data only, read to nodes that know their line.

Scalars are those of YAML 1.2, so that `no` and `on` are texts and 1e3 is a number. Aliases are refused: they
make small files large, and a policy has to say in one place what holds there.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NoReturn, cast

import yaml
from yaml.error import Mark

from rendezvous_contracts.errors import BadPolicyError

MAX_CHARACTERS: Final = 1_000_000
_MAX_DEPTH: Final = 24
TAG: Final = "tag:yaml.org,2002:"

_LINE_BREAKS: Final = frozenset("\r\x85\u2028\u2029\ufeff")

# Kind, pattern, and with what characters one can begin.
_SCALARS: Final = (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("float", r"[-+]?(\.inf|\.Inf|\.INF)|\.nan|\.NaN|\.NAN", list("-+.")),
)


class _Loader(yaml.SafeLoader):
    """Composes nodes; never constructs objects."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 PyYAML's interface
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Refuse what a policy does not need, then compose."""
        if self.check_event(yaml.AliasEvent):
            raise self._refusal("an alias: write out what it stands for")
        tag = getattr(self._next(), "tag", None)
        if tag not in (None, f"{TAG}binary"):
            raise self._refusal(f"the tag {tag}: write the value without it")
        if self.depth == _MAX_DEPTH:
            raise self._refusal(f"more than {_MAX_DEPTH} levels deep")
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1

    def _next(self) -> yaml.Event:
        peek: Callable[[], yaml.Event] = self.peek_event
        return peek()

    def _refusal(self, problem: str) -> yaml.MarkedYAMLError:
        return yaml.MarkedYAMLError(problem=problem, problem_mark=cast("Mark", self._next().start_mark))


class _Dumper(yaml.SafeDumper):
    """Quotes every text that a reader of YAML 1.1 or 1.2 would take for something else."""

    def ignore_aliases(self, data: object) -> bool:
        """Write out everything: the reader refuses aliases."""
        del data
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # In other styles PyYAML writes these as they are, and reads them as an ordinary break or not at all.
    exotic = not _LINE_BREAKS.isdisjoint(text)
    return dumper.represent_scalar(f"{TAG}str", text, style='"' if exotic else None)


_Dumper.add_representer(str, _represent_text)

for _kind, _pattern, _first in _SCALARS:
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(TAG + _kind, re.compile(rf"(?:{_pattern})\Z"), _first)


def read_nodes(text: str, source: str) -> Iterator[yaml.Node]:
    """Yield the top node of each document of *text* that is not empty; raises BadPolicyError at *source*."""
    if len(text) > MAX_CHARACTERS:
        raise BadPolicyError(f"{source}:1: {len(text)} characters: a file may have {MAX_CHARACTERS}")
    try:
        for node in yaml.compose_all(text, _Loader):
            if node.tag != f"{TAG}null":
                yield node
    except yaml.MarkedYAMLError as error:
        _refuse(source, error)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        character = f"U+{ord(text[error.position]):04X}"
        raise BadPolicyError(f"{source}:{line}: the character {character} is not allowed") from error


def _refuse(source: str, error: yaml.MarkedYAMLError) -> NoReturn:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 1
    problem = ", ".join(part for part in (error.context, error.problem) if part)
    raise BadPolicyError(f"{source}:{line}: not YAML as policies are written: {problem}") from error


def write_documents(documents: Iterable[Mapping[str, object]]) -> str:
    """Return *documents* as one YAML text that read_nodes understands."""
    return yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
