"""A short run of made-up calls in every test run; `script/fuzz` is the long one."""

from __future__ import annotations

from pathlib import Path

from tests.account import Account
from tests.fuzz.run import run

SECONDS = 40
SEED = 20260529


def test_made_up_calls_find_nothing(account: Account, other_account: Account, tmp_path: Path) -> None:
    """No 5xx, no answer that the document does not describe, nothing across teams."""
    verdict = run(
        account,
        other_account,
        folder=tmp_path,
        seconds=SECONDS,
        seed=SEED,
        phases="examples,fuzzing,stateful",
        examples=8,
    )
    assert verdict.passed, verdict.output
    assert verdict.calls > 100, verdict.output
