"""Which addresses of a network there are."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any

from psycopg import AsyncConnection

from ledger.sql_files import sql
from projections.slots import in_slot

MOST_ADDRESSES = 256
"""Of a network, that are each looked up, such as a whole /24; one with more of them is met by walking."""


async def addresses_in(
    connection: AsyncConnection[Any], package: str, network: IPv4Network | IPv6Network, *, slot: int
) -> list[IPv4Address | IPv6Address] | None:
    """The addresses that a projection knows; None: more than `MOST_ADDRESSES`.

    At most one round trip, by the package's statement `addresses_in`.
    """
    if network.num_addresses == 1:
        return [network.network_address]
    cursor = await connection.execute(
        in_slot(sql(package, "addresses_in"), slot),
        {
            "lowest": network.network_address,
            "highest": network.broadcast_address,
            "maximum": MOST_ADDRESSES + 1,
        },
    )
    found = [row[0] for row in await cursor.fetchall()]
    return found if len(found) <= MOST_ADDRESSES else None
