"""One ceiling: what the machine does without the product."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ceiling:
    """`per_s` requests a second; `cpu_us` microseconds of CPU the measuring process itself spent on each."""

    name: str
    per_s: float
    cpu_us: float
