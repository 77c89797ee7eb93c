"""A share of a processor, as Lambda gives it: the quota of a control group of Linux.

To pause a process for a part of the time is not the same: a quota counts the processor's time of
all threads together, and throttles only who has used it up.
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
        directory: Where the kernel shows it.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def add(self, pid: int) -> None:
        """Put a process into the group, with all its threads and whatever it starts."""
        (self._directory / "cgroup.procs").write_text(str(pid), encoding="ascii")


@contextmanager
def quota(share: float, parents: list[Path] | None = None) -> Iterator[Group | None]:
    """Make a group that may use ``share`` of a processor, while the block lasts.

    Args:
        share: 0.1 is a tenth of one processor.
        parents: Directories to try to make it in. Default: this process's own groups, and those
            above them.

    Yields:
        The group; ``None`` where this process may not make one.
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
    """Set the group's quota for each period; return whether it has one."""
    try:
        if (directory / "cpu.max").exists():
            (directory / "cpu.max").write_text(
                f"{microseconds} {_PERIOD_MICROSECONDS}", encoding="ascii"
            )
        else:
            for name, value in (("period", _PERIOD_MICROSECONDS), ("quota", microseconds)):
                file = directory / f"cpu.cfs_{name}_us"
                if not file.exists():  # a file that is made anew would limit nothing
                    return False
                file.write_text(str(value), encoding="ascii")
    except OSError:
        return False
    return True


def _parents() -> Iterator[Path]:
    """Yield the directories of this process's groups that know of processors, upwards."""
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
