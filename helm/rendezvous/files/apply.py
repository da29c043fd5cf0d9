# ruff: noqa: INP001, T201 - a program of the chart's jobs, which say what they do
"""
Applies the policies of the chart's values: python apply.py FOLDER KIND ..., of models, route and deployment.

A route or a deployment is published only if the values have changed since the chart last published it: what
was rolled out by control message since then stays. The exit code is the worst of those of `rendezvous apply`.
"""

import json
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Final

RENDEZVOUS: Final = "rendezvous"
WAIT: Final = "--timeout=60s"
PREFIX: Final = "values "
CHANGES: Final = {"models": "", "route": "set route", "deployment": "deploy"}


def declared(policy: Path) -> str:
    """Return the reason under which *policy* is published: it names what the values say."""
    return f"{PREFIX}{sha256(policy.read_bytes()).hexdigest()[:16]}"


def last_reason(kind: str, name: str) -> str:
    """Return the reason of the newest publication of the route or deployment *name* by the chart."""
    asked = [RENDEZVOUS, "audit", "--search", PREFIX, "--output", "json"]
    said = subprocess.run(asked, stdout=subprocess.PIPE, text=True, check=True).stdout  # noqa: S603  # ours
    reasons = [
        str(each["reason"])
        for each in json.loads(said)
        if (each["change"], each["about"], each["result"]) == (CHANGES[kind], name, "applied")
        and each["reason"].startswith(PREFIX)
    ]
    return reasons[-1] if reasons else ""


def apply(policy: Path) -> int:
    """Apply one file, unless the log has it from here already."""
    kind, _, name = policy.stem.partition("-")
    reason = declared(policy)
    if kind != "models" and last_reason(kind, name) == reason:
        print(f"{policy.stem}: the values have not changed since they were applied; it is left as it is")
        return 0
    print(f"{policy.stem}: applying", flush=True)
    asked = [RENDEZVOUS, "apply", "--filename", str(policy), "--reason", reason, WAIT]
    return subprocess.run(asked, check=False).returncode  # noqa: S603  # ours


def main(folder: Path, kinds: list[str]) -> int:
    """Apply the policies in *folder* that are of *kinds*, in their order."""
    policies = (policy for kind in kinds for policy in sorted(folder.glob(f"{kind}*.yaml")))
    return max((apply(policy) for policy in policies if policy.read_text().strip()), default=0)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
