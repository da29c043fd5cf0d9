"""Generates the Python of proto/ into libs/contracts/src, or into another folder to compare with."""

import sys
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
PROTO = ROOT / "proto"
GENERATED = ROOT / "libs" / "contracts" / "src"


def generate(out: Path) -> None:
    """Write the modules and their stubs for every .proto below proto/ to *out*."""
    sources = sorted(str(path.relative_to(PROTO)) for path in PROTO.rglob("*.proto"))
    includes = [f"-I{PROTO}", f"-I{files('grpc_tools') / '_proto'}"]
    out.mkdir(parents=True, exist_ok=True)
    if protoc.main(["protoc", *includes, f"--python_out={out}", f"--mypy_out=quiet:{out}", *sources]) != 0:
        raise SystemExit("protoc failed: its message is above")
    for package in {(out / source).parent for source in sources}:
        folder = package.relative_to(out).as_posix()
        (package / "__init__.py").write_text(f'"""Generated from proto/{folder}; do not edit."""\n')


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else GENERATED)
