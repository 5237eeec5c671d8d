"""The metric registry: everything that FastHook counts and times, on one page. Exposition is in metrics/prometheus.

Labels hold closed sets only, never a team's, source's or destination's id: their number has no bound.
"""

from __future__ import annotations

from fasthook.metrics.types import Table

TABLE = Table()

PROCESSES = ("web", "route", "deliver", "bulk", "maintenance", "beat")
# The names of the data plane's connections (fasthook/lib/sql.py).
DATABASE_STAGES = ("capture", "route", "deliver claim", "deliver record", "config", "metrics", "health", "alerts")
REJECTION_LABELS = (
    *("UNKNOWN_SOURCE", "SOURCE_DISABLED", "SOURCE_METHOD_NOT_ALLOWED", "PAYLOAD_TOO_LARGE", "SOURCE_AUTH_FAILED"),
    "HEADERS_TOO_LARGE",
)
REFUSAL_REASONS = ("STARTING", "SOURCE_UNUSABLE", "STORAGE_AWAY", "OVERLOADED", "PROVIDER_AWAY")
EVENT_STATUSES = ("QUEUED", "SCHEDULED", "HOLD", "FAILED")
IGNORED_CAUSES = ("DEDUPLICATED", "FILTERED", "DESTINATION_DISABLED")
OUTCOMES = (
    *("SUCCESSFUL", "BAD_RESPONSE", "TIMEOUT", "CONNECTION_REFUSED", "CONNECTION_RESET", "DNS_LOOKUP_FAILED"),
    *("HOST_UNREACHABLE", "TLS_ERROR", "TLS_CERT_EXPIRED", "TLS_CERT_INVALID", "TOO_LARGE", "ADDRESS_NOT_ALLOWED"),
    *("INVALID_URL", "CLI_UNAVAILABLE", "CLI_ERROR", "OAUTH2_FAILED", "CANCELLED", "INTERNAL_ERROR"),
)

_STAGES = ("route", "deliver")
_FAST_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_CALL_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_WAIT_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)

# ---- Ingress

requests_accepted = TABLE.counter("fasthook_requests_accepted_total", "Requests that were committed and accepted.")
requests_rejected = TABLE.counter(
    "fasthook_requests_rejected_total",
    "Requests answered with 4xx by a source URL. UNKNOWN_SOURCE and HEADERS_TOO_LARGE leave no evidence.",
    cause=REJECTION_LABELS,
)
requests_refused = TABLE.counter(
    "fasthook_requests_refused_total", "Requests answered with 503: nothing was stored.", reason=REFUSAL_REASONS
)
evidence_discarded = TABLE.counter(
    "fasthook_evidence_discarded_total", "Rejected requests that were counted instead of stored."
)
accept_seconds = TABLE.histogram(
    "fasthook_accept_seconds", "From the last byte of an accepted request to its answer, the commit included.", _FAST_S
)
capture_group_requests = TABLE.histogram(
    "fasthook_capture_group_requests", "Requests committed together by a web process.", _SIZES
)

# ---- Routing

requests_routed = TABLE.counter("fasthook_requests_routed_total", "Requests whose branches were committed.")
events_created = TABLE.counter(
    "fasthook_events_created_total", "Events that routing wrote, by their first status.", status=EVENT_STATUSES
)
branches_ignored = TABLE.counter(
    "fasthook_branches_ignored_total", "Branches that became no delivery, by cause.", cause=IGNORED_CAUSES
)

# ---- Claims of both stages

claims = TABLE.counter(
    "fasthook_claims_total",
    "Looks for due work. A full one found as much as it might take.",
    stage=_STAGES,
    result=("empty", "partial", "full"),
)
claimed_jobs = TABLE.histogram(
    "fasthook_claimed_jobs",
    "Jobs taken by a claim that found some: routing's batch, delivery's claim.",
    _SIZES,
    stage=_STAGES,
)
leases_expired = TABLE.counter(
    "fasthook_leases_expired_total",
    "Jobs claimed again because whoever had them did not finish in time, mostly because it died.",
    stage=_STAGES,
)

# ---- Delivery

attempts = TABLE.counter(
    "fasthook_attempts_total", "Attempts that were recorded, by SUCCESSFUL or error code.", outcome=OUTCOMES
)
attempts_late = TABLE.counter(
    "fasthook_attempts_late_total", "Attempts not recorded because their lease was over; the delivery is repeated."
)
events_delivered = TABLE.counter("fasthook_events_delivered_total", "Events whose attempt succeeded.")
events_failed = TABLE.counter("fasthook_events_failed_total", "Events whose attempt failed with no retry planned.")
retries_planned = TABLE.counter("fasthook_retries_planned_total", "Failed attempts after which a retry was planned.")
attempt_seconds = TABLE.histogram(
    "fasthook_attempt_seconds", "Latency of recorded attempts that reached the network.", _CALL_S
)
first_attempt_wait_seconds = TABLE.histogram(
    "fasthook_first_attempt_wait_seconds",
    "From accepting a request to beginning its first attempt; connections with a delay rule are left out.",
    _WAIT_S,
)
deliveries_held = TABLE.gauge(
    "fasthook_deliveries_held", "Deliveries in the hands of workers: waiting for their turn, in flight, or unrecorded."
)
events_settled = TABLE.counter(
    "fasthook_events_settled_total", "Waiting events that a pause, release, disable or delete moved."
)

# ---- The database, and the processes

database_seconds = TABLE.histogram(
    "fasthook_database_seconds", "Time of one unit of work in Postgres, by stage.", _FAST_S, stage=DATABASE_STAGES
)
database_failures = TABLE.counter(
    "fasthook_database_failures_total",
    "Units of work that Postgres did not take because it was away or too slow, by stage.",
    stage=DATABASE_STAGES,
)
process_starts = TABLE.counter(
    "fasthook_process_starts_total", "Starts of processes, restarts included.", process=PROCESSES
)
