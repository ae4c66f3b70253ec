"""Which sessions a filter means, and what a bulk run over them does: what the tests expect."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from tests.property.known import Fact, stamp
from tests.property.table_model import Session
from tests.property.world_model import World

LARGEST_STEP = 3
"""Of a bulk run here: made-up histories have few sessions."""
SAMPLE = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What is given must all hold."""

    ids: tuple[UUID, ...] | None = None
    subject: str | None = None
    client: str | None = None
    label: str | None = None
    network: tuple[str, str] | None = None
    """Its name here, and as addresses have it."""
    status: str | None = None
    created_before: datetime | None = None
    created_after: datetime | None = None
    used_before: datetime | None = None

    def asked(self) -> dict[str, Any]:
        """As callers give it."""
        return _given(
            ids=None if self.ids is None else [str(one) for one in self.ids],
            subject=self.subject,
            clientId=self.client,
            deviceLabel=self.label,
            ipAddress=None if self.network is None else self.network[1],
            status=self.status,
            createdBefore=_stamped(self.created_before),
            createdAfter=_stamped(self.created_after),
            lastUsedBefore=_stamped(self.used_before),
        )

    def recorded(self) -> dict[str, Any]:
        """As the event has it: addresses and labels lie beside it."""
        return _given(
            ids=None if self.ids is None else [str(one) for one in self.ids],
            subject=self.subject,
            client_id=self.client,
            status=None if self.status is None else self.status.lower(),
            created_before=_stamped(self.created_before),
            created_after=_stamped(self.created_after),
            last_used_before=_stamped(self.used_before),
        )

    def matching(self, world: World) -> list[Session]:
        """Sessions that have not ended, newest first."""
        found = [one for one in world.sessions if self._means(one) and one.lives(world.known(one))]
        if self.status is not None:
            found = [one for one in found if one.shown(world.known(one))[0] == self.status]
        return sorted(found, key=lambda one: one.id, reverse=True)

    def _means(self, one: Session) -> bool:
        return (
            (self.ids is None or one.id in self.ids)
            and self.subject in (None, one.subject)
            and self.client in (None, one.client)
            and self.label in (None, one.label)
            and (self.network is None or self.network[0] == one.network)
            and (self.created_before is None or one.opened < self.created_before)
            and (self.created_after is None or one.opened >= self.created_after)
            and (self.used_before is None or one.used < self.used_before)
        )


def bulk_revocation(
    world: World, wanted: Filter, *, by: str, through: str, said: str
) -> tuple[list[Session], int]:
    """What one step found and how many it ended, newest first."""
    found = wanted.matching(world)
    ended = [one.revoke(world.known(one), "admin", by=by, said=said) for one in found[:LARGEST_STEP]]
    payload = {"filter": wanted.recorded(), "matched": len(found), "revoked": sum(ended)}
    world.acts.append((Fact(kind="BulkRevocationExecuted", actor=by, payload=payload, said=said), through))
    return found, sum(ended)


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _stamped(at: datetime | None) -> str | None:
    return None if at is None else stamp(at)
