"""`python -m local.supervisor`: checks, secrets, services, then one run. What it prints is for a person."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import NoReturn

from fasthook.lib.plural import for_count
from local.embedded import EmbeddedError, EmbeddedServices
from local.embedded.folder_lock import FolderLock, FolderTakenError
from local.supervisor.environment import ENVIRONMENT_FILE, load_environment, local_secrets, write_running_environment
from local.supervisor.leftover_processes import end_leftovers
from local.supervisor.output import Console
from local.supervisor.readiness import why_unusable
from local.supervisor.run import Plan, Run, RunError, python_step
from local.supervisor.specs import ProcessSpec, SpecError, process_specs

ROOT = Path(__file__).resolve().parent.parent.parent
# Static files need no step: whitenoise serves them from where they lie.
STEPS = (
    python_step("migrate", "manage.py", "migrate", "--noinput"),
    python_step("bootstrap", "manage.py", "bootstrap"),
)


def main() -> int:
    environment = load_environment(ROOT)
    console = Console(as_json=environment.get("LOG_FORMAT") == "json")
    _end_on_signals()
    data_dir = Path(environment["DATA_DIR"])
    try:
        with FolderLock(data_dir / "supervisor.lock"):
            return _run(environment, data_dir, console)
    except FolderTakenError as taken:
        console.say(f"FastHook is already running in this folder (pid {taken.pid}). Stop it with: kill {taken.pid}")
        return 1
    except KeyboardInterrupt:
        console.say("Interrupted before the start was complete.")
        return 130


def _run(environment: dict[str, str], data_dir: Path, console: Console) -> int:
    # Before the look at the port: they may be what holds it.
    if leftovers := end_leftovers(data_dir):
        processes = for_count(len(leftovers), "process", "processes")
        console.say(f"Ended {len(leftovers)} {processes} that an earlier run left behind.")
    specs = _checked_specs(environment, data_dir)
    if isinstance(specs, str):
        console.say(specs)
        return 1
    environment = {**local_secrets(data_dir), **environment}
    services = _services_for(environment, data_dir)
    try:
        services.start()
        environment.setdefault("DATABASE_URL", services.database_url or "")
        environment.setdefault("REDIS_URL", services.redis_url or "")
        write_running_environment(data_dir, environment)
        plan = Plan(ROOT, data_dir, environment, steps=STEPS, specs=tuple(specs))
        asyncio.run(_main(plan, services, console))
    except (EmbeddedError, RunError) as fault:
        console.say(f"!! {fault}")
        return 1
    finally:
        services.stop()
        (data_dir / ENVIRONMENT_FILE).unlink(missing_ok=True)
    return 0


async def _main(plan: Plan, services: EmbeddedServices, console: Console) -> None:
    await Run(plan, services=services, console=console).main()


def _checked_specs(environment: dict[str, str], data_dir: Path) -> list[ProcessSpec] | str:
    """The process table, or the sentence that says why there is none."""
    if unusable := why_unusable(environment["HOST"], environment["PORT"]):
        return unusable
    try:
        return process_specs(environment, data_dir=data_dir)
    except SpecError as fault:
        return str(fault)


def _services_for(environment: dict[str, str], data_dir: Path) -> EmbeddedServices:
    """The embedded servers for whatever the environment does not name."""
    return EmbeddedServices(
        data_dir, postgres=not environment.get("DATABASE_URL"), valkey=not environment.get("REDIS_URL")
    )


def _end_on_signals() -> None:
    """Until the run takes signals over, a request to end leaves through the same door as Ctrl-C."""

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)


if __name__ == "__main__":
    sys.exit(main())
