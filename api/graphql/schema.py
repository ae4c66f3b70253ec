"""The schema, made once a process."""

from __future__ import annotations

from functools import cache

import strawberry
from graphql import GraphQLSchema
from strawberry.schema.config import StrawberryConfig

from api.graphql.administration_mutations import AdministrationMutation
from api.graphql.audit_queries import AuditQuery
from api.graphql.event_subscription import Subscription
from api.graphql.event_types import Event
from api.graphql.issue_mutation import IssueMutation
from api.graphql.log_queries import LogQuery
from api.graphql.mutations import TokenMutation
from api.graphql.past_queries import PastQuery
from api.graphql.queries import SessionQuery
from api.graphql.scalars import SCALARS
from api.graphql.session_types import Session


@strawberry.type(
    description=(
        "Reads. Each read that needs `audit:read` is itself an event, AUDIT_READ, at most one a reader and "
        "minute."
    )
)
class Query(SessionQuery, PastQuery, AuditQuery, LogQuery):
    pass


@strawberry.type(description="Changes. At most one of login, refresh, logout, issueSession an operation.")
class Mutation(TokenMutation, IssueMutation, AdministrationMutation):
    pass


@cache
def make_schema() -> strawberry.Schema:
    """Types, resolvers and their texts; whoever asks gets the same."""
    return strawberry.Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[Session, Event],
        config=StrawberryConfig(scalar_map=SCALARS),
    )


def executable(schema: strawberry.Schema) -> GraphQLSchema:
    """What graphql-core executes."""
    return schema._schema  # noqa: SLF001 - there is no public name for it
