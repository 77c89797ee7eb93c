"""A quota is the kernel's, or there is none."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from benchmarks import cgroup

if TYPE_CHECKING:
    from pathlib import Path

_BUSY = """
import sys, time
sys.stdin.read()
wall, cpu = time.monotonic(), time.process_time()
while time.monotonic() < wall + 1:
    pass
print((time.process_time() - cpu) / (time.monotonic() - wall))
"""


def test_a_group_of_version_2_gets_a_quota_for_each_period(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("max 100000", encoding="ascii")
    assert cgroup._limited(tmp_path, 2_894)
    assert (tmp_path / "cpu.max").read_text("ascii") == "2894 20000"


def test_so_does_one_of_version_1(tmp_path: Path) -> None:
    for name, value in (("period", "100000"), ("quota", "-1")):
        (tmp_path / f"cpu.cfs_{name}_us").write_text(value, encoding="ascii")
    assert cgroup._limited(tmp_path, 2_894)
    assert (tmp_path / "cpu.cfs_period_us").read_text("ascii") == "20000"
    assert (tmp_path / "cpu.cfs_quota_us").read_text("ascii") == "2894"


def test_a_directory_that_is_no_group_limits_nothing(tmp_path: Path) -> None:
    with cgroup.quota(0.1, [tmp_path / "missing", tmp_path]) as group:
        assert group is None
    assert list(tmp_path.iterdir()) == []


def test_where_the_machine_grants_a_share_a_process_gets_no_more() -> None:
    with cgroup.quota(0.2) as group:
        process = subprocess.Popen(  # noqa: S603 - our own program
            [
                sys.executable,
                "-c",
                _BUSY,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if group is not None:
            group.add(process.pid)
        said, _ = process.communicate("go")
    assert 0 < float(said) <= (1.01 if group is None else 0.3)
