"""Who sends a request, as far as its connection and its headers show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from api.client_address import Network, address_prefix, client_address
from api.request_head import RequestHead
from api.user_agent import user_agent_family
from ledger.sessions import Caller


def caller_of(
    scope: Mapping[str, Any], head: RequestHead, *, trusted_proxies: tuple[Network, ...], request_id: UUID
) -> Caller:
    """The caller of an ASGI request, who has proved nothing yet."""
    peer = scope.get("client")
    address = client_address(peer[0] if peer else None, head.forwarded_for, trusted_proxies)
    return Caller(
        request_id=request_id,
        address=address,
        address_prefix=address_prefix(address),
        user_agent=head.user_agent,
        agent_family=user_agent_family(head.user_agent),
    )
