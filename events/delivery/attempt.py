"""One attempt: the request for a claimed job, and the result of its outcome. Neither database nor network here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from connections.catalog import ConnectionCatalog
from connections.rules.retry import plan_retry
from destinations.catalog import DestinationEntry
from destinations.outbound.build import DeliveryContext, Payload, PreparedRequest
from destinations.outbound.redaction import redacted
from destinations.outbound.result import SendResult
from events.delivery.jobs import AttemptResult, ClaimedJob
from fasthook.lib.catalog import Catalog
from fasthook.lib.headers import merge_headers
from fasthook.lib.ids import new_id, time_of
from sources.catalog import SourceCatalog
from teams.secrets.catalog import SigningSecrets

_NO_HEADERS: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Catalogs:
    """The configuration that delivery looks at."""

    sources: SourceCatalog
    destinations: Catalog[DestinationEntry]
    connections: ConnectionCatalog
    signing_secrets: Catalog[SigningSecrets]

    def refresh(self, version: int) -> None:
        for catalog in (self.sources, self.destinations, self.connections, self.signing_secrets):
            catalog.refresh(version)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request ready to send, and the same as it is kept in evidence, the destination's credentials masked.

    The attempt's id is as old as the attempt: evidence is ordered by when attempts began.
    """

    attempt_id: str
    request: PreparedRequest
    shown: PreparedRequest
    timeout_s: float
    catalogs: Catalogs


def prepare(
    job: ClaimedJob,
    catalogs: Catalogs,
    *,
    destination: DestinationEntry | None,
    access_token: str | None,
    now: datetime,
) -> Prepared | AttemptResult:
    """The request of a job, or the failure when none can be made of it.

    `destination` is the job's, as it was when the access token for it was got.
    """
    if destination is None or destination.target is None:
        fault = destination.fault if destination else "the destination is gone"
        return fail_unsent(job, catalogs, "INTERNAL_ERROR", fault or "the destination cannot be used")
    if job.method is None or job.body is None:
        return fail_unsent(job, catalogs, "INTERNAL_ERROR", "the request's payload is no longer stored")
    source = catalogs.sources.get(job.source_id)
    connection = catalogs.connections.get(job.connection_id)
    secrets = catalogs.signing_secrets.get(job.team_id)
    payload = Payload(
        method=job.method,
        path=job.path or "",
        query=job.query or "",
        headers=[(name, value) for name, value in job.headers or ()],
        body=job.body,
        strip_headers=source.verifier.credential_headers if source and source.verifier else _NO_HEADERS,
    )
    context = DeliveryContext(
        event_id=job.event_id,
        request_id=job.request_id,
        attempt_number=job.attempt_number,
        attempt_trigger=job.trigger,
        source_name=source.name if source else job.source_id,
        connection_name=connection.name if connection else job.connection_id,
        signing_secrets=secrets.at(now) if secrets else (),
        access_token=access_token,
    )
    try:
        request = destination.target.build(payload, context, now=now.timestamp())
    except ValueError as error:
        return fail_unsent(job, catalogs, "INTERNAL_ERROR", str(error))
    return Prepared(new_id("att"), request, destination.target.masked(request), destination.timeout_s, catalogs)


def conclude(job: ClaimedJob, prepared: Prepared, sent: SendResult, *, now: datetime) -> AttemptResult:
    """The attempt's record; a failure's next attempt is planned by the connection's retry rule."""
    started_at = time_of(prepared.attempt_id)
    sent = redacted(sent, request=prepared.request, shown=prepared.shown)
    headers = {name: _storable(value) for name, value in merge_headers(sent.headers).items()}
    succeeded = sent.error_code is None
    retry_after = None if succeeded else headers.get("retry-after")
    return AttemptResult(
        job=job,
        attempt_id=prepared.attempt_id,
        status="SUCCESSFUL" if succeeded else "FAILED",
        response_status=sent.status,
        error_code=sent.error_code,
        error_message=None if sent.error_message is None else _storable(sent.error_message),
        requested_url=prepared.shown.url,
        http_method=prepared.shown.method,
        request_headers=merge_headers(prepared.shown.headers),
        response_headers=headers if sent.status is not None else None,
        body=_storable(sent.body.decode("utf-8", "replace")) if sent.status is not None else None,
        latency_ms=sent.latency_ms,
        started_at=started_at,
        next_attempt_at=None
        if succeeded
        else _next_attempt(job, prepared.catalogs, status=_retried_as(sent), retry_after=retry_after, now=now),
    )


def fail_unsent(
    job: ClaimedJob, catalogs: Catalogs, code: str, message: str, *, retried: bool = False
) -> AttemptResult:
    """An attempt that failed before anything was sent; `retried`: as the retry rule says of faults of the network."""
    destination = catalogs.destinations.get(job.destination_id)
    now = datetime.now(UTC)
    return AttemptResult(
        job=job,
        attempt_id=new_id("att"),
        status="FAILED",
        response_status=None,
        error_code=code,
        error_message=_storable(message),
        requested_url=destination.target.base if destination and destination.target else "",
        http_method=job.method or "",
        request_headers={},
        response_headers=None,
        body=None,
        latency_ms=0,
        started_at=now,
        next_attempt_at=_next_attempt(job, catalogs, status=None, retry_after=None, now=now) if retried else None,
    )


def without_evidence(result: AttemptResult) -> AttemptResult:
    """The same outcome without what the receiver sent, for the record that Postgres would not take."""
    return replace(result, response_headers=None, body=None, error_message="the response could not be stored")


def _next_attempt(
    job: ClaimedJob, catalogs: Catalogs, *, status: int | None, retry_after: str | None, now: datetime
) -> datetime | None:
    connection = catalogs.connections.get(job.connection_id)
    if connection is None or not connection.enabled:
        return None
    return plan_retry(
        connection.rules.retry,
        retry_number=job.retry_number + 1,
        status=status,
        retry_after=retry_after,
        now=now,
    )


def _retried_as(sent: SendResult) -> int | None:
    """The status that the rule's codes are compared with; None, which always counts, for faults of the network."""
    return sent.status if sent.error_code == "BAD_RESPONSE" else None


def _storable(text: str) -> str:
    """Postgres text holds no NUL."""
    return text.replace("\0", "\ufffd") if "\0" in text else text
