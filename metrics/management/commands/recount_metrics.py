"""`manage.py recount_metrics --since 2026-05-01`: has metrics from that day on counted anew from the rows."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from fasthook.lib.clock import parse_when, utc_now
from fasthook.lib.errors import FastHookError
from metrics.rollups.counting import count_anew
from metrics.rollups.state import first_day


class Command(BaseCommand):
    help = "Count metrics anew from a day on; the maintenance worker does it, answers are exact meanwhile."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", required=True, help="a day in UTC, such as 2026-05-01, or now-3d")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            since = parse_when(options["since"], at="--since", now=utc_now())
        except FastHookError as fault:
            raise CommandError(fault.message) from None
        oldest = first_day(complete=True)
        if oldest is None or since < oldest:
            there = "there is no evidence" if oldest is None else f"evidence begins with {oldest:%Y-%m-%d}"
            raise CommandError(f"--since: {there}; what is older exists as counts alone and would be lost")
        count_anew(since)
        self.stdout.write(f"recount_metrics: from {since:%Y-%m-%d} on, in the background")
