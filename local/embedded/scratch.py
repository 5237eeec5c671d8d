"""Short-lived folders named after the process that owns them, so that those of a killed process can be swept later."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

PREFIX = "fasthook-"


def make_scratch_folder(purpose: str, *, base: Path) -> Path:
    """A new private folder `base/fasthook-<purpose>-<pid>-<random>`; those of dead processes are removed first."""
    _sweep(f"{PREFIX}{purpose}-", base)
    return Path(tempfile.mkdtemp(prefix=f"{PREFIX}{purpose}-{os.getpid()}-", dir=base))


def _sweep(prefix: str, base: Path) -> None:
    for folder in base.glob(f"{prefix}*"):
        pid = folder.name.removeprefix(prefix).partition("-")[0]
        # In a folder where anybody can make names, removing what is not ours fails and is left alone.
        if pid.isdigit() and not folder.is_symlink() and not _is_running(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
