"""Where a browser goes while the demo stays up, with sign-ins that are ready."""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Iterator
from datetime import datetime

from api.development_issuer import LIFETIME, development_secret, sign_development_assertion
from api.listener import address_of
from api.settings import Settings

EXAMPLE_SUBJECT = "ada"
CONSOLE_SUBJECT = "analyst"
CONSOLE_SCOPE = "audit:read sessions:admin"


def demo_links(settings: Settings, *, program: str, now: datetime) -> Iterator[str]:
    """Lines of text. An assertion stands in the fragment of a link, which browsers send to nobody.

    The example has another name of this machine than the console where it can: a cookie belongs to a name,
    and who signs in on one is then not signed out on the other. `program` is how the user calls this one.
    """
    address = address_of(settings)
    example = address.replace("//127.0.0.1:", "//localhost:")
    analyst = {"scope": CONSOLE_SCOPE}
    another = f"{shlex.quote(program)} assertion --subject"
    yield f"GraphiQL  {address}/graphql"
    yield f"Console   {address}/console/#assertion={_assertion(settings, CONSOLE_SUBJECT, analyst, now)}"
    yield f"Example   {example}/example/#assertion={_assertion(settings, EXAMPLE_SUBJECT, {}, now)}"
    yield (
        f"Each of the two links signs in once, within {LIFETIME.total_seconds() // 60:.0f} minutes. "
        "These print assertions for later:"
    )
    yield f"  {another} {CONSOLE_SUBJECT} --claim {shlex.quote(f'scope={CONSOLE_SCOPE}')}"
    yield f"  {another} {EXAMPLE_SUBJECT}"


def _assertion(settings: Settings, subject: str, claims: dict[str, str], now: datetime) -> str:
    return sign_development_assertion(
        development_secret(settings),
        subject=subject,
        audience=settings.issuer,
        claims=claims,
        now=now,
        jti=secrets.token_hex(16),
    )
