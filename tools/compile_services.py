"""
Compiles what runs for every record to machine code, with mypyc: the data plane, the engine, the handlers.

`python tools/compile_services.py FOLDER` writes those of the packages that are installed to FOLDER, where
they go before the interpreted ones, on PYTHONPATH or by being copied over them. They are the same sources,
and the same tests run against them; what it wins is in docs/performance.md. Needs a C compiler; without one
it says so and writes nothing.
"""

import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
# Each package is copied whole, for Python looks for a package in one place; what is named here is compiled.
_NAMED: Final = {
    "libs/contracts/src/rendezvous_contracts": "digest fields fields_codec values",
    "libs/engine/src/rendezvous_engine": "*",
    "libs/models/src/rendezvous_models": (
        "bins cost intake score_messages scoring serving tally usage validation"
    ),
    "libs/runtime/src/rendezvous_runtime": (
        "clock dead_letters delivery figures loop membership progress reader"
    ),
    "services/feature-extractor/src/rendezvous_feature_extractor": (
        "features handler head inputs plans wire"
    ),
    "services/rendezvous/src/rendezvous_service": "handler partition",
}
# An image has the sources of all libraries, and its service stands on some.
_PACKAGES: Final = {
    ROOT / folder: tuple(f"{name}.py" for name in named.split())
    for folder, named in _NAMED.items()
    if find_spec(Path(folder).name) is not None
}
_TYPED: Final = ("libs/contracts/src", "libs/control/src", "libs/models/src", "libs/runtime/src")
_STAMP: Final = "sources.sha256"
_MYPY: Final = """
[mypy]
strict = true
explicit_package_bases = true
namespace_packages = true
follow_imports = silent
mypy_path = {path}

[mypy-confluent_kafka.*,faust.*,mode.*,aiokafka.*,prometheus_client.*,pydantic.*,pydantic_settings.*,structlog.*]
ignore_missing_imports = true
follow_imports = skip
"""
# A higher level takes longer and wins nothing: the time goes into Python's objects.
_SETUP: Final = """
from mypyc.build import mypycify
from setuptools import setup

arguments = ["--config-file", "mypy.ini", *{files}]
setup(name="compiled", packages=[], ext_modules=mypycify(arguments, opt_level="1"))
"""


def digest(packages: Iterable[Path] = tuple(_PACKAGES)) -> str:
    """Return what the sources of *packages* are, whole as they are copied."""
    found = sha256()
    for package in packages:
        for path in sorted(package.rglob("*.py")):
            found.update(f"{path.relative_to(package.parent)}\0".encode() + path.read_bytes())
    return found.hexdigest()


def is_fresh(folder: Path) -> bool:
    """Return whether *folder* was compiled from the sources as they are now."""
    stamp = folder / _STAMP
    return stamp.is_file() and stamp.read_text() == digest()


def compile_to(folder: Path) -> None:
    """Write the compiled packages to *folder*, which they replace; raises SystemExit with the reason."""
    with tempfile.TemporaryDirectory(prefix="rendezvous-compile-") as place:
        work = Path(place)
        files = []
        for package, patterns in _PACKAGES.items():
            copied = work / package.name
            shutil.copytree(package, copied, ignore=shutil.ignore_patterns("__pycache__"))
            found = sorted(path for pattern in patterns for path in copied.glob(pattern))
            files += [f"{package.name}/{path.name}" for path in found]
        path = ":".join(str(ROOT / each) for each in _TYPED)
        (work / "mypy.ini").write_text(_MYPY.format(path=path))
        (work / "setup.py").write_text(
            _SETUP.format(files=[each for each in files if "__init__" not in each])
        )
        argv = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
        done = subprocess.run(argv, cwd=work, capture_output=True, text=True, check=False)  # noqa: S603 - ours
        if done.returncode:
            raise SystemExit(f"not compiled:\n{done.stdout[-2_000:]}{done.stderr[-2_000:]}")
        for leftover in (work / "build", work / ".mypy_cache"):
            shutil.rmtree(leftover, ignore_errors=True)
        (work / _STAMP).write_text(digest())
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(work, folder)


def has_compiler() -> bool:
    """Return whether the C compiler that this Python wants is there, and this Python's headers."""
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    return shutil.which(compiler) is not None and (Path(sysconfig.get_path("include")) / "Python.h").is_file()


if __name__ == "__main__":
    target = Path(sys.argv[1])
    if is_fresh(target):
        print(f"{target} is compiled from these sources already")
    elif has_compiler():
        compile_to(target)
        print(f"compiled to {target}")
    else:
        print("no C compiler: all stays interpreted")
