"""Which sessions are meant: the filter of callers, checked, as the one of the view."""

from __future__ import annotations

from datetime import datetime
from ipaddress import ip_network
from uuid import UUID

import strawberry

from api.graphql.description import described_input
from api.graphql.errors import BadUserInputError
from api.graphql.problem_types import InvalidArgumentError, text_argument
from api.graphql.session_types import SessionStatus
from projections.active_tokens import sessions

MOST_IDS = 500
_LONGEST = 255


@described_input
class SessionFilter:
    """Fields given together must all hold. Times: `After` inclusive, `Before` exclusive."""

    ids: list[strawberry.ID] | None = strawberry.field(default=strawberry.UNSET, description="At most 500.")
    subject: strawberry.ID | None = strawberry.UNSET
    client_id: strawberry.ID | None = strawberry.UNSET
    device_label: str | None = strawberry.field(default=strawberry.UNSET, description="Exact.")
    ip_address: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="Of the last use: an address, or a network such as 203.0.113.0/24.",
    )
    status: SessionStatus | None = strawberry.UNSET
    created_before: datetime | None = strawberry.UNSET
    created_after: datetime | None = strawberry.UNSET
    last_used_before: datetime | None = strawberry.UNSET


def filtered_sessions(given: SessionFilter | None) -> sessions.SessionFilter:
    """The sessions that the filter of a query means; without one, all.

    Raises:
        BadUserInputError: it contradicts itself, or a field of it cannot be used.
    """
    try:
        return sessions_meant(given) if given else sessions.SessionFilter()
    except InvalidArgumentError as error:
        raise BadUserInputError(str(error)) from None


def unended_sessions(given: SessionFilter) -> sessions.SessionFilter:
    """The sessions that the filter means and that have not ended.

    Raises:
        InvalidArgumentError: it is empty, contradicts itself, or a field of it cannot be used.
    """
    wanted = sessions_meant(given)
    if wanted == sessions.SessionFilter():
        raise InvalidArgumentError("`filter` must not be empty: name what the sessions have in common.")
    if wanted.status in (sessions.SessionStatus.EXPIRED, sessions.SessionStatus.REVOKED):
        raise InvalidArgumentError("`filter.status` must be ACTIVE or SUSPENDED: the others have ended.")
    return sessions.unended(wanted)


def sessions_meant(given: SessionFilter) -> sessions.SessionFilter:
    """The sessions that the filter means; a field that is null is as not given.

    Raises:
        InvalidArgumentError: it contradicts itself, or a field of it cannot be used.
    """
    wanted = sessions.SessionFilter(
        ids=_ids(given.ids) if given.ids is not None and given.ids is not strawberry.UNSET else None,
        subject=_text(given.subject, "filter.subject"),
        client_id=_text(given.client_id, "filter.clientId"),
        device_label=_text(given.device_label, "filter.deviceLabel"),
        network=_network(given.ip_address),
        status=sessions.SessionStatus(given.status.value) if given.status else None,
        created_before=given.created_before or None,
        created_after=given.created_after or None,
        last_used_before=given.last_used_before or None,
    )
    before, after = wanted.created_before, wanted.created_after
    if before is not None and after is not None and before <= after:
        raise InvalidArgumentError("`filter.createdBefore` must be later than `filter.createdAfter`.")
    return wanted


def _ids(given: list[strawberry.ID]) -> list[UUID]:
    if not 1 <= len(given) <= MOST_IDS:
        raise InvalidArgumentError(f"`filter.ids` must hold 1 to {MOST_IDS} ids.")
    found = []
    for one in given:
        try:
            found.append(UUID(one))
        except ValueError:
            raise InvalidArgumentError("`filter.ids` must hold ids of sessions.") from None
    return found


def _text(value: str | None, name: str) -> str | None:
    if value is None or value is strawberry.UNSET:
        return None
    return text_argument(value, name=name, longest=_LONGEST)


def _network(value: str | None) -> sessions.Network | None:
    if value is None or value is strawberry.UNSET:
        return None
    try:
        return ip_network(value)
    except ValueError:
        raise InvalidArgumentError(
            "`filter.ipAddress` must be an address, or a network such as 203.0.113.0/24."
        ) from None
