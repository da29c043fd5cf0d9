"""What the kernel says of this process, in folders that look like its own."""

import os
from pathlib import Path

import pytest
from rendezvous_models.threads import granted_cpus, limit_native_pools

CPUS = len(os.sched_getaffinity(0))
V1 = "4:memory:/a\n3:cpu,cpuacct:/pods/one\n"


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"proc/self/cgroup": "0::/\n"},
        {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"},
        {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "nonsense\n"},
        {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "900000000 100000\n"},
        {"proc/self/cgroup": V1, "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n"},
        {"proc/self/cgroup": "\n:\n", "sys/fs/cgroup/cpu.max": "100000 0\n"},
    ],
)
def test_without_a_quota_that_is_less_it_is_the_affinity(tmp_path: Path, files: dict[str, str]) -> None:
    assert granted_cpus(write(tmp_path, files)) == CPUS


@pytest.mark.parametrize(
    "files",
    [
        {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "150000 100000\n"},
        {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "20000 100000\n"},
        {"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/cpu.max": "100000 100000\n"},
        {"proc/self/cgroup": "0::/the/host's\n", "sys/fs/cgroup/cpu.max": "100000 100000\n"},
        {
            "proc/self/cgroup": V1,
            "sys/fs/cgroup/cpu,cpuacct/pods/one/cpu.cfs_quota_us": "100000\n",
            "sys/fs/cgroup/cpu,cpuacct/pods/one/cpu.cfs_period_us": "100000\n",
        },
        {
            "proc/self/cgroup": V1,
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "50000\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        },
    ],
)
def test_a_quota_of_less_than_two_cpus_is_one_thread(tmp_path: Path, files: dict[str, str]) -> None:
    assert granted_cpus(write(tmp_path, files)) == 1


def test_of_several_quotas_the_least_counts(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "0::/a/b\n",
        "sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
        "sys/fs/cgroup/a/cpu.max": "100000 100000\n",
        "sys/fs/cgroup/cpu.max": "800000 100000\n",
    }

    assert granted_cpus(write(tmp_path, files)) == 1


def test_a_pool_that_the_environment_sizes_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "7")

    limit_native_pools(3)

    assert (os.environ["OMP_NUM_THREADS"], os.environ["MKL_NUM_THREADS"]) == ("7", "3")
    monkeypatch.delenv("MKL_NUM_THREADS")
