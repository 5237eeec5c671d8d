"""Words that agree with a number."""

from __future__ import annotations

import pytest

from fasthook.lib.plural import for_count


@pytest.mark.parametrize(
    ("count", "words"), [(0, "events wait"), (1, "event waits"), (1.0, "event waits"), (1.5, "events wait")]
)
def test_one_alone_is_singular(count: float, words: str) -> None:
    assert for_count(count, "event waits", "events wait") == words
