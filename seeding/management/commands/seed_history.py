"""`manage.py seed_history`: fills the days before now with realistic history, to try lists and speed at size."""

from __future__ import annotations

import os
import secrets
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from events.storage.partitions import first_kept_day
from events.storage.replaced import history_replaced
from fasthook.lib.clock import utc_now
from fasthook.lib.errors import FastHookError
from fasthook.lib.plural import for_count
from seeding.dropping import drop_history
from seeding.plan import Progress, load_history, plan_stretches, refuse_what_cannot_be, stretches_to_load
from seeding.routes import ensure_routes
from teams.models import Team


class Command(BaseCommand):
    help = "Seed realistic history: requests, events and attempts of the days before now."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--events", type=int, default=1_000_000, help="about how many events (default 1000000)")
        parser.add_argument("--days", type=int, default=30, help="days that end with today (default 30)")
        parser.add_argument("--team", help="id of the team (default: the oldest)")
        parser.add_argument("--seed", help="the same text gives the same rows for the same routes and days")
        parser.add_argument("--processes", type=int, default=os.cpu_count() or 2)
        parser.add_argument("--yes", action="store_true", help="also on days that have the team's own evidence")
        parser.add_argument("--drop", action="store_true", help="remove what was seeded for the team, and its routes")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            team = _team(options["team"])
            if options["drop"]:
                now = utc_now()
                dropped = drop_history(team, now=now, report=self.stdout.write)
                kept_days = min(settings.RETENTION_DAYS_BY_TABLE.values())
                history_replaced.send(Command, since=first_kept_day(now, kept_days))
                partitions = for_count(dropped, "partition", "partitions")
                self.stdout.write(f"seed_history: dropped {dropped} {partitions} of history of {team.id}")
            else:
                self._seed(team, options)
        except FastHookError as fault:
            raise CommandError(fault.message) from None

    def _seed(self, team: Team, options: dict[str, Any]) -> None:
        now = utc_now()
        refuse_what_cannot_be(events=options["events"], days=options["days"])
        stretches = plan_stretches(events=options["events"], days=options["days"], now=now)
        left = stretches_to_load(stretches, team.id, even_beside=options["yes"])
        routes = ensure_routes(team, base_url=settings.BASE_URL, now=now)
        self.stdout.write(f"seed_history: {len(left)} of {len(stretches)} days to load for {team.id}")
        started = utc_now()
        try:
            events = load_history(
                routes,
                left,
                seed=options["seed"] or secrets.token_hex(8),
                processes=max(1, options["processes"]),
                report=self._report,
            )
        except KeyboardInterrupt:
            raise CommandError(
                "stopped. Days that were finished stay; the others left nothing. The same command goes on with those, "
                f"seed_history --drop --team {team.id} takes all of it away"
            ) from None
        finally:
            if left:
                history_replaced.send(Command, since=min(stretch.day for stretch in left))
        self.stdout.write(f"seed_history: {events:,} events in {(utc_now() - started).total_seconds():.0f} s")

    def _report(self, progress: Progress) -> None:
        share = progress.events / progress.of_events if progress.of_events else 1.0
        rate = progress.events / progress.seconds if progress.seconds else 0.0
        left = "" if progress.left_s == float("inf") else f", {progress.left_s / 60:.1f} min left"
        self.stdout.write(f"{progress.events:>12,} events  {share:4.0%}  {rate:,.0f}/s{left}")
        self.stdout.flush()


def _team(identifier: str | None) -> Team:
    teams = Team.objects.order_by("id")
    found = teams.filter(pk=identifier).first() if identifier else teams.first()
    if found is None:
        raise CommandError(f"there is no team {identifier}" if identifier else "there is no team: run bootstrap first")
    return found
