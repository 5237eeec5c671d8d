"""Webhooks to try: two of our own making, and the captured ones where they lie beside the checkout."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OWN = Path(__file__).parent / "payloads"
CAPTURED = Path(__file__).resolve().parents[2] / "shared" / "samples"


@dataclass(frozen=True, slots=True)
class Sample:
    name: str
    headers: dict[str, str]
    body: bytes


def own_payload(name: str) -> bytes:
    return (OWN / f"{name}.json").read_bytes()


def captured_samples() -> list[Sample]:
    """None when the folder is not there."""
    files = sorted(path for path in CAPTURED.glob("*/*/*.json"))
    return [_read(path) for path in files]


def captured(name: str) -> list[Sample]:
    return [sample for sample in captured_samples() if sample.name.endswith(f"/{name}")]


def _read(path: Path) -> Sample:
    content: dict[str, Any] = json.loads(path.read_text())
    # Only the parsed body was kept; non-ASCII text goes out as UTF-8, as most providers send it.
    body = json.dumps(content["body"], ensure_ascii=False, separators=(",", ":")).encode()
    headers = {name: value for name, value in content["headers"].items() if name.lower() not in _OF_THE_CONNECTION}
    return Sample(str(path.relative_to(CAPTURED).with_suffix("")), headers, body)


_OF_THE_CONNECTION = {"content-length", "host", "connection", "transfer-encoding", "accept-encoding"}
