"""What one worker counts as it happens.

Every label has a value from a fixed set: neither subjects, clients, addresses nor paths. All but the
durations of requests are made at the start: a counter shows 0 before it first moves, and counting is cheap.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Histogram

from ledger.answers import Granted, Outcome, RefusalCode, Refused
from ledger.batch import Committed
from ledger.events import FamilyEvent

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_COMMANDS = (1, 2, 4, 8, 16, 32, 64, 128)


class Instruments:
    """Counters and histograms of this process; a `CommitWatch`, too."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Histogram(
            "token_ledger_http_request_duration_seconds",
            "From the headers of a request to its answer, by group of endpoints and class of status.",
            ("endpoint", "status"),
            buckets=_SECONDS,
            registry=registry,
        )
        self._durations: dict[tuple[str, int], Histogram] = {}
        refusals = Counter(
            "token_ledger_refusals_total",
            "Requests for tokens that were refused, by the true code, whatever callers are told.",
            ("code",),
            registry=registry,
        )
        self._refusals = {code: refusals.labels(code.name) for code in RefusalCode}
        tokens = Counter(
            "token_ledger_tokens_total",
            "Tokens given: for a new session (ISSUED), a new refresh token (ROTATED), the same one once "
            "more (REPLAYED), to a client for itself (CLIENT_CREDENTIALS).",
            ("outcome",),
            registry=registry,
        )
        self._outcomes = {outcome: tokens.labels(outcome.name) for outcome in Outcome}
        self._client_credentials = tokens.labels("CLIENT_CREDENTIALS")
        limited = Counter(
            "token_ledger_rate_limited_total",
            "Requests over a limit: of their address, of its unknown tokens, of their session (family).",
            ("limit",),
            registry=registry,
        )
        self._limited_family = limited.labels("family")
        self._limited_address = limited.labels("address")
        self._limited_unknown = limited.labels("unknown_tokens")
        events = Counter(
            "token_ledger_events_appended_total",
            "Events of sessions that were committed, by type.",
            ("type",),
            registry=registry,
        )
        self._events = {one.__name__: events.labels(one.__name__) for one in get_args(FamilyEvent)}
        self._batch_commands = Histogram(
            "token_ledger_commit_batch_commands",
            "Commands that shared a transaction.",
            buckets=_COMMANDS,
            registry=registry,
        )
        self._batch_seconds = Histogram(
            "token_ledger_commit_batch_duration_seconds",
            "From asking for a connection to the answer to COMMIT.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._tried_apart = Counter(
            "token_ledger_commands_tried_apart_total",
            "Commands whose batch failed, tried one by one.",
            registry=registry,
        )
        self._unavailable = Counter(
            "token_ledger_commands_unavailable_total",
            "Commands not decided, or of unknown outcome: the queue was full, or the database away.",
            registry=registry,
        )
        self._swept = Counter(
            "token_ledger_swept_sessions_total",
            "Sessions that the sweeper of this server ended.",
            registry=registry,
        )

    def answered(self, endpoint: str, status: int, seconds: float) -> None:
        """A request has its answer. `endpoint` is one of a fixed set."""
        key = endpoint, status // 100
        child = self._durations.get(key)
        if child is None:
            child = self._durations[key] = self._requests.labels(endpoint, f"{key[1]}xx")
        child.observe(seconds)

    def refused(self, code: RefusalCode) -> None:
        """No tokens were given."""
        self._refusals[code].inc()

    def gave_client_credentials(self) -> None:
        """A client got an access token for itself."""
        self._client_credentials.inc()

    def limited_by_address(self) -> None:
        """An address asked too often."""
        self._limited_address.inc()

    def limited_by_unknown_tokens(self) -> None:
        """An address brought too many unknown tokens."""
        self._limited_unknown.inc()

    def swept(self, sessions: int) -> None:
        """The sweeper ended so many."""
        self._swept.inc(sessions)

    def committed(
        self, results: Sequence[Committed | Exception], event_types: Iterable[str], seconds: float
    ) -> None:
        """See `CommitWatch`."""
        self._batch_commands.observe(len(results))
        self._batch_seconds.observe(seconds)
        # Counted up first: to count in a file that workers share takes 2 µs, whatever the number.
        counted: dict[Counter, int] = {}
        for event_type in event_types:
            event = self._events[event_type]
            counted[event] = counted.get(event, 0) + 1
        for result in results:
            answer = result.answer if isinstance(result, Committed) else None
            if isinstance(answer, Granted):
                outcome = self._outcomes[answer.outcome]
                counted[outcome] = counted.get(outcome, 0) + 1
            elif isinstance(answer, Refused) and answer.code is RefusalCode.RATE_LIMITED:
                counted[self._limited_family] = counted.get(self._limited_family, 0) + 1
        for counter, number in counted.items():
            counter.inc(number)

    def tried_apart(self, commands: int) -> None:
        """See `CommitWatch`."""
        self._tried_apart.inc(commands)

    def unavailable(self) -> None:
        """See `CommitWatch`."""
        self._unavailable.inc()
