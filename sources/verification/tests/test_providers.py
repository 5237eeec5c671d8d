"""Every provider of the table: valid, tampered, expired, unsigned, and signed with the second secret of a rotation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources.types import PROVIDER_TYPES
from sources.verification.compile import compile_auth
from sources.verification.config import normalise_auth
from sources.verification.providers import PROVIDERS
from sources.verification.request import InboundRequest
from sources.verification.tests.provider_samples import NOW, OTHER, SAMPLES, SECRET, STANDARD_SECRET, Sample
from sources.verification.verdict import RemoteKeyVerifier, Verdict, Verifier

NAMES = sorted(PROVIDERS)
EXPIRING = sorted(name for name, sample in SAMPLES.items() if sample.tolerance_s is not None)


def verifier_for(name: str, auth: dict[str, Any]) -> Verifier:
    source_type = name if name in PROVIDER_TYPES else "WEBHOOK"
    stored = normalise_auth(source_type, "PROVIDER_SIGNATURE", {"provider": name, **auth})
    assert stored is not None
    assert normalise_auth(source_type, "PROVIDER_SIGNATURE", stored) == stored
    verifier = compile_auth(source_type, "PROVIDER_SIGNATURE", stored)
    assert verifier is not None
    return verifier


def judge(verifier: Verifier, request: InboundRequest, sample: Sample, *, now: float = NOW) -> Verdict:
    verdict = verifier.verify(request, now=now)
    if verdict.wants is None:
        return verdict
    assert isinstance(verifier, RemoteKeyVerifier)
    return verifier.verify_with(request, sample.documents(verdict.wants), now=now)


def assert_refused(verdict: Verdict, sample: Sample) -> str:
    assert (verdict.ok, verdict.verified, verdict.handshake) == (False, False, False)
    assert verdict.reason
    for secret in (SECRET, OTHER, STANDARD_SECRET, *[str(value) for value in sample.auth.values()]):
        assert secret not in verdict.reason
    return verdict.reason


def test_every_provider_has_a_sample_and_every_type_a_provider() -> None:
    assert sorted(SAMPLES) == NAMES
    assert set(PROVIDER_TYPES) <= set(PROVIDERS)


@pytest.mark.parametrize("name", NAMES)
def test_what_the_provider_signs_is_verified(name: str) -> None:
    sample = SAMPLES[name]
    verdict = judge(verifier_for(name, sample.auth), sample.sign(NOW), sample)
    assert verdict.reason is None
    assert (verdict.ok, verdict.verified, verdict.handshake) == (True, True, False)


@pytest.mark.parametrize("name", NAMES)
def test_what_was_changed_is_refused(name: str) -> None:
    sample = SAMPLES[name]
    verifier, sent = verifier_for(name, sample.auth), sample.sign(NOW)
    changes = [sample.tampered(sent)] if sample.tampered else []
    if sample.covers_body:
        changes += [replace(sent, body=sent.body.replace(b"e", b"E", 1)), replace(sent, body=b'{"id": 2}')]
    for changed in changes:
        assert changed != sent
        assert_refused(judge(verifier, changed, sample), sample)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_signed_is_refused_and_says_what_is_missing(name: str) -> None:
    sample = SAMPLES[name]
    sent = sample.sign(NOW)
    if sample.unsigned is not None:
        unsigned = [sample.unsigned(sent), replace(sent, body=b"not json")]
    else:
        kept = {key: value for key, value in sent.headers.items() if key != sample.signature_header}
        assert len(kept) == len(sent.headers) - 1
        unsigned = [replace(sent, headers=kept), replace(sent, headers={**kept, str(sample.signature_header): ""})]
    reasons = [assert_refused(judge(verifier_for(name, sample.auth), each, sample), sample) for each in unsigned]
    assert "missing" in reasons[0]


@pytest.mark.parametrize("name", EXPIRING)
def test_what_is_older_than_the_tolerance_is_refused_and_so_is_what_comes_from_the_future(name: str) -> None:
    sample = SAMPLES[name]
    tolerance_s = sample.tolerance_s or 0
    verifier, sent = verifier_for(name, sample.auth), sample.sign(NOW)
    assert judge(verifier, sent, sample, now=NOW + tolerance_s - 1).ok
    assert "s old" in assert_refused(judge(verifier, sent, sample, now=NOW + tolerance_s + 2), sample)
    assert "in the future" in assert_refused(judge(verifier, sent, sample, now=NOW - tolerance_s - 2), sample)


@pytest.mark.parametrize("name", EXPIRING)
def test_the_tolerance_is_the_operators_to_change(name: str) -> None:
    sample = SAMPLES[name]
    verifier = verifier_for(name, {**sample.auth, "tolerance": 5})
    assert judge(verifier, sample.sign(NOW), sample, now=NOW + 3).ok
    assert_refused(judge(verifier, sample.sign(NOW), sample, now=NOW + 7), sample)


@pytest.mark.parametrize("name", sorted(name for name in NAMES if SAMPLES[name].secret_field))
def test_during_a_rotation_either_secret_is_good(name: str) -> None:
    sample = SAMPLES[name]
    field = str(sample.secret_field)
    current = sample.auth[field]
    for secrets in ([sample.other, current], [current, sample.other]):
        assert judge(verifier_for(name, {**sample.auth, field: secrets}), sample.sign(NOW), sample).verified
    assert_refused(judge(verifier_for(name, {**sample.auth, field: sample.other}), sample.sign(NOW), sample), sample)


@pytest.mark.parametrize("name", NAMES)
def test_a_verifier_does_not_show_its_secrets(name: str) -> None:
    """Fault reports show variables."""
    sample = SAMPLES[name]
    shown = repr(verifier_for(name, sample.auth))
    for field in PROVIDERS[name].fields:
        if field.kind == "secret" and field.name in sample.auth:
            assert str(sample.auth[field.name]) not in shown
    assert "standard-webhooks-secret" not in shown
    assert SECRET not in shown


@pytest.mark.parametrize("name", NAMES)
def test_no_header_or_body_makes_a_verifier_raise(name: str) -> None:
    sample = SAMPLES[name]
    verifier, sent = verifier_for(name, sample.auth), sample.sign(NOW)
    junk = [
        "",
        " ",
        ",",
        "t=,v1=",
        "v0=",
        "sha256=",
        "é\udcff",
        "a.b.c",
        "9" * 400,
        "=" * 50,
        "Basic !",
        "v1,",
        '"',
        "\x00",
    ]
    for value in junk:
        for header in sent.headers:
            judge(verifier, replace(sent, headers={**sent.headers, header: value}), sample)
    for body in (b"", b"\xff\xfe", b"[]", b"null", b"{}", b"[" * 5000, b'{"signature":1,"value":[1]}', b"\x00" * 9):
        assert not judge(verifier, replace(sent, body=body), sample).ok or not sample.covers_body


@given(value=st.text(max_size=60), name=st.sampled_from(NAMES))
def test_no_invented_signature_is_good(value: str, name: str) -> None:
    sample = SAMPLES[name]
    if sample.signature_header is None:
        return
    sent = sample.sign(NOW)
    changed = replace(sent, headers={**sent.headers, sample.signature_header: value})
    assert (
        value == sent.headers[sample.signature_header] or not judge(verifier_for(name, sample.auth), changed, sample).ok
    )
