"""The models of the demo: trained once, and again only when something that they depend on has changed."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Final

import sklearn
from rendezvous_cli.applying import Wanted, read_wanted

from examples.wine import dataset, pmml, train

_STAMP: Final = "trained.json"


def ensure_trained(out: Path) -> bool:
    """Train the models into *out* unless they are there, unchanged; return whether that was needed."""
    stamp = out / _STAMP
    wanted = _fingerprint(out)
    if stamp.exists() and json.loads(stamp.read_text()) == {**wanted, **_documents(out)}:
        return False
    stamp.unlink(missing_ok=True)
    train.main(out)
    stamp.write_text(json.dumps({**wanted, **_documents(out)}, indent=1))
    return True


def first_policy(out: Path) -> list[Wanted]:
    """Return what the first roll-out wants: three models and the route."""
    return _read(out / "policy.yaml")


def next_policy(out: Path) -> list[Wanted]:
    """Return what the second roll-out wants: the next champion, and the route that brings it in."""
    return _read(out / "champion.yaml")


def _read(path: Path) -> list[Wanted]:
    return read_wanted(path.read_text(encoding="utf-8"), str(path))


def _fingerprint(out: Path) -> dict[str, str]:
    """Return what the models depend on; the folder too, for the largest is named by its location."""
    sources = [Path(module.__file__ or "") for module in (dataset, pmml, train)]
    return {
        "folder": str(out.resolve()),
        "scikit-learn": sklearn.__version__,
        **{path.name: _digest(path) for path in (dataset.DATA, *sources)},
    }


def _documents(out: Path) -> dict[str, str]:
    return {path.name: _digest(path) for path in sorted([*out.glob("*.pmml"), *out.glob("*.yaml")])}


def _digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()
