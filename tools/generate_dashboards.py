"""
Writes the dashboards of tools/dashboards to helm/rendezvous/dashboards, or to another folder to compare with.

`python -m tools.generate_dashboards [FOLDER]`
"""

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from tools.dashboards import models, pipeline, rollout, routes

ROOT: Final = Path(__file__).resolve().parent.parent
FOLDER: Final = ROOT / "helm" / "rendezvous" / "dashboards"
DASHBOARDS: Final[dict[str, ModuleType]] = {
    "routes": routes,
    "models": models,
    "rollout": rollout,
    "pipeline": pipeline,
}


def to_json(built: Any) -> str:
    """Return a dashboard as Grafana reads it."""
    document = json.loads(JSONEncoder(sort_keys=True).encode(built))
    for number, panel in enumerate(document["panels"], start=1):
        panel["id"] = number
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def generate(folder: Path) -> None:
    """Write one file for each dashboard to *folder*."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, module in DASHBOARDS.items():
        (folder / f"{name}.json").write_text(to_json(module.build().build()))


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
