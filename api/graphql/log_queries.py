"""Reads of the sealed log."""

from __future__ import annotations

import strawberry

from api.graphql.context import RequestContext
from api.graphql.event_visibility import visible_event
from api.graphql.log_types import Checkpoint, ConsistencyProof, InclusionProof, checkpoint_of, inclusion_of
from api.graphql.scalars import SafeInt
from ledger.checkpoints import consistency_proof, inclusion_proof, latest_checkpoint


@strawberry.type
class LogQuery:
    @strawberry.field(description="Public. Null before the first seal.")
    async def checkpoint(self, info: strawberry.Info[RequestContext]) -> Checkpoint | None:
        async with info.context.connection() as connection:
            found = await latest_checkpoint(connection)
        return None if found is None else checkpoint_of(found)

    @strawberry.field(description="For events one may see; null for an unknown or unsealed one.")
    async def inclusion_proof(
        self, info: strawberry.Info[RequestContext], event_id: strawberry.ID
    ) -> InclusionProof | None:
        event = await visible_event(info.context, event_id, field="inclusionProof")
        if event is None:
            return None
        async with info.context.connection() as connection:
            proof = await inclusion_proof(connection, event.recorded.stream_id, event.version)
        return None if proof is None else inclusion_of(proof)

    @strawberry.field(
        description="Public. Null unless 0 < fromSize <= toSize <= the size of the latest checkpoint."
    )
    async def consistency_proof(
        self, info: strawberry.Info[RequestContext], from_size: SafeInt, to_size: SafeInt
    ) -> ConsistencyProof | None:
        async with info.context.connection() as connection:
            hashes = await consistency_proof(connection, from_size, to_size)
        if hashes is None:
            return None
        return ConsistencyProof(from_size=from_size, to_size=to_size, hashes=[one.hex() for one in hashes])
