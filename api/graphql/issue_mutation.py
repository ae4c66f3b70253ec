"""`issueSession`: a trusted backend opens a session for a subject that it has authenticated."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from ipaddress import ip_address
from typing import cast

import strawberry

from api.client_address import address_prefix
from api.graphql.context import RequestContext
from api.graphql.errors import BadUserInputError, checked_text
from api.graphql.mutations import DEFAULT_CLIENT, LONGEST_CLIENT_ID, LONGEST_LABEL, told
from api.graphql.queries import LONGEST_SUBJECT
from api.graphql.token_types import IssueSessionInput, TokenResult, auth_problem
from api.graphql.viewer import actor_of, viewer_of
from api.request_head import LONGEST_USER_AGENT
from api.trusted_issuers import RESERVED_CLAIMS
from api.user_agent import user_agent_family
from ledger.answers import RefusalCode, Refused
from ledger.canonical import Json, canonical_json, require_canonical
from ledger.clients import Credentials
from ledger.events import Transport
from ledger.sessions import Caller, Opening

_LARGEST_CLAIMS = 4 * 1024


@strawberry.type
class IssueMutation:
    @strawberry.field(description="`sessions:issue`.")
    async def issue_session(
        self, info: strawberry.Info[RequestContext], input: IssueSessionInput
    ) -> TokenResult:
        context, viewer = info.context, viewer_of(info.context)
        client_id = DEFAULT_CLIENT
        if input.client_id is not None and input.client_id is not strawberry.UNSET:
            client_id = checked_text(input.client_id, name="clientId", longest=LONGEST_CLIENT_ID)
        client = await context.services.clients.find(client_id)
        if client is None or (client.confidential and client_id != viewer.client_id):
            detail = "`clientId` must be of a public client or of the caller itself."
            return auth_problem(Refused(code=RefusalCode.CLIENT_MISMATCH, detail=detail), context)
        answer = await context.services.sessions.open(
            Opening(
                subject=_subject(input.subject),
                client_id=client_id,
                transport=Transport.BODY,
                scope=_scope(input.scope, client),
                claims=_claims(input.claims),
                device_label=_label(input.device_label),
                actor=actor_of(viewer),
            ),
            _user(input, context.caller, authenticated=client_id if client.confidential else None),
        )
        return told(answer, context, by_cookie=False)


def _subject(given: str) -> str:
    subject = checked_text(given, name="subject", longest=LONGEST_SUBJECT)
    if any(unicodedata.category(one) in {"Cc", "Cs"} for one in subject):
        raise BadUserInputError("`subject` must not hold control characters.")
    return subject


def _scope(given: list[str] | None, client: Credentials) -> tuple[str, ...]:
    """What the client may have of what is asked for, which is all of it."""
    asked = frozenset(given) if given else frozenset()
    if not asked <= frozenset(client.scopes):
        raise BadUserInputError("`scope` must hold scopes that the client may have, and no others.")
    return tuple(sorted(asked))


def _claims(given: object) -> dict[str, Json] | None:
    if given is None or given is strawberry.UNSET:
        return None
    if not isinstance(given, dict):
        raise BadUserInputError("`claims` must be an object.")
    taken = sorted(given.keys() & RESERVED_CLAIMS)
    if taken:
        raise BadUserInputError(f"`claims` must not hold {taken[0]}, which this service writes itself.")
    try:
        require_canonical(given)
    except ValueError as error:
        raise BadUserInputError(f"`claims` cannot be kept: it {error}.") from None
    claims = cast("dict[str, Json]", given)
    if len(canonical_json(claims)) > _LARGEST_CLAIMS:
        raise BadUserInputError(f"`claims` must not exceed {_LARGEST_CLAIMS} bytes.")
    return claims


def _label(given: str | None) -> str | None:
    if not given:
        return None
    return checked_text(given, name="deviceLabel", longest=LONGEST_LABEL)


def _user(given: IssueSessionInput, backend: Caller, *, authenticated: str | None) -> Caller:
    """The user on whose behalf the backend asks: its own address and program say nothing of them."""
    address, agent = "", None
    if given.ip_address:
        try:
            address = str(ip_address(given.ip_address))
        except ValueError:
            raise BadUserInputError("`ipAddress` must be an address.") from None
    if given.user_agent:
        agent = checked_text(given.user_agent, name="userAgent", longest=LONGEST_USER_AGENT)
    return replace(
        backend,
        address=address,
        address_prefix=address_prefix(address),
        user_agent=agent,
        agent_family=user_agent_family(agent),
        authenticated_client=authenticated,
    )
