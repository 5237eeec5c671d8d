"""Every table of the data plane."""

from events.models.backtests import Backtest as Backtest
from events.models.bulk import BulkOperation as BulkOperation
from events.models.bulk import BulkOutcome as BulkOutcome
from events.models.evidence import Attempt as Attempt
from events.models.evidence import AttemptStatus as AttemptStatus
from events.models.evidence import DiscardedRequests as DiscardedRequests
from events.models.evidence import Event as Event
from events.models.evidence import EventPayload as EventPayload
from events.models.evidence import ExecutionStatus as ExecutionStatus
from events.models.evidence import Request as Request
from events.models.evidence import RequestStatus as RequestStatus
from events.models.evidence import TransformationExecution as TransformationExecution
from events.models.jobs import DeduplicationKey as DeduplicationKey
from events.models.jobs import DeliveryJob as DeliveryJob
from events.models.jobs import DestinationLease as DestinationLease
from events.models.jobs import RouteJob as RouteJob
