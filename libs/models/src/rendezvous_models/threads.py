"""How many threads a pool may have: the CPUs that this process is granted, not those of the machine."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_ROOT: Final = Path("/")
_POOLS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def granted_cpus(root: Path = _ROOT) -> int:
    """
    Return how many whole CPUs this process may use, at least one.

    That is the least of its affinity and the quotas of its control groups (versions 1 and 2) and of those
    around them, read below *root*. Rounded down: a pool that is larger than the quota is throttled, which
    costs the slowest rows most.
    """
    quotas = [quota for quota in _quotas(root) if quota > 0]
    return max(1, int(min([len(os.sched_getaffinity(0)), *quotas])))


def limit_native_pools(cpus: int) -> None:
    """
    Have the native libraries that are not loaded yet start at most *cpus* threads each.

    They read the environment, once; what it says already is left alone.
    """
    for name in _POOLS:
        os.environ.setdefault(name, str(cpus))


def _quotas(root: Path) -> Iterator[float]:
    """Yield the quotas that apply, in CPUs, from what the kernel says of this process."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        number, controllers, group = ([*line.split(":", 2), "", ""])[:3]
        if number == "0" and not controllers:
            yield from _unified(root / "sys/fs/cgroup", group)
        elif "cpu" in controllers.split(","):
            for mount in (controllers, "cpu"):
                yield from _legacy(root / "sys/fs/cgroup" / mount, group)


def _unified(mount: Path, group: str) -> Iterator[float]:
    for folder in _upwards(mount, group):
        allowed, period = ([*_text(folder / "cpu.max").split(), "", ""])[:2]
        yield _ratio(allowed, period)


def _legacy(mount: Path, group: str) -> Iterator[float]:
    for folder in _upwards(mount, group):
        yield _ratio(_text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us"))


def _upwards(mount: Path, group: str) -> Iterator[Path]:
    """
    Yield the folder of *group* and those around it, up to *mount*.

    In a container the group's path may be the host's while the mount is the container's own: then only the
    mount itself is there, and has the container's quota.
    """
    parts = [part for part in group.split("/") if part not in {"", "..", "."}]
    yield from (mount.joinpath(*parts[:length]) for length in range(len(parts), -1, -1))


def _ratio(allowed: str, period: str) -> float:
    """Return the quota in CPUs, 0 for none: the kernel writes "max" or -1."""
    try:
        return max(0.0, int(allowed) / int(period))
    except (ValueError, ZeroDivisionError):
        return 0.0


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return ""
