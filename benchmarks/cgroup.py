"""Limits on a process's share of a processor, as in Lambda, with a Linux control group's quota.

Pausing a process periodically is not the same. A quota counts the processor time of all threads
together, and throttles only when that is used up.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_PERIOD_MICROSECONDS: Final = 20_000


class Group:
    """A control group with a quota.

    Args:
        directory: The group's directory in the kernel's file system.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def add(self, pid: int) -> None:
        """Move a process into the group, with its threads and future children."""
        (self._directory / "cgroup.procs").write_text(str(pid), encoding="ascii")


@contextmanager
def quota(share: float, parents: list[Path] | None = None) -> Iterator[Group | None]:
    """Create a group with a share of a processor for the duration of the block.

    Args:
        share: Share of one processor, such as 0.1.
        parents: Directories in which to try to create the group. Default: this process's own groups
            and their parents.

    Yields:
        The group; ``None`` if this process may not create one.
    """
    for parent in _parents() if parents is None else parents:
        directory = parent / f"gtm-connector-bench-{os.getpid()}"
        try:
            directory.mkdir()
        except OSError:
            continue
        try:
            if _limited(directory, round(share * _PERIOD_MICROSECONDS)):
                yield Group(directory)
                return
        finally:
            directory.rmdir()
    yield None


def _limited(directory: Path, microseconds: int) -> bool:
    """Set the group's quota per period. Return whether it supports quotas."""
    try:
        if (directory / "cpu.max").exists():
            (directory / "cpu.max").write_text(
                f"{microseconds} {_PERIOD_MICROSECONDS}", encoding="ascii"
            )
        else:
            for name, value in (("period", _PERIOD_MICROSECONDS), ("quota", microseconds)):
                file = directory / f"cpu.cfs_{name}_us"
                if not file.exists():  # a newly created file would limit nothing
                    return False
                file.write_text(str(value), encoding="ascii")
    except OSError:
        return False
    return True


def _parents() -> Iterator[Path]:
    """Yield the directories of this process's CPU groups, from the innermost outward."""
    mounts = {
        controller: Path(place)
        for _, place, kind, options, *_ in map(str.split, _lines("/proc/mounts"))
        if kind in {"cgroup", "cgroup2"}
        for controller in (["cgroup2"] if kind == "cgroup2" else options.split(","))
    }
    for line in _lines("/proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        mount = mounts.get("cpu" if "cpu" in controllers.split(",") else "cgroup2")
        if mount is not None and (not controllers or "cpu" in controllers.split(",")):
            own = mount / path.lstrip("/")
            yield from [own, *(above for above in own.parents if above.is_relative_to(mount))]


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
