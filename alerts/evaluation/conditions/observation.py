"""Observations: an object at which a rule's condition holds, or nearly so.

An object that no observation names is well: statements return what is at or above `resolves_below`, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Observation:
    """`value` is in the unit of the rule's threshold, `out_of` what a rate is of. Unless `exact`, counting stopped at
    `value`."""

    rule_id: str
    object_id: str
    object_name: str
    value: float
    out_of: int = 0
    exact: bool = True
