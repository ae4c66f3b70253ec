"""Checks of the settings alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from urllib.parse import urlsplit

from api.doctor.facts import Facts
from api.quantities import duration_text
from api.settings import is_loopback
from ledger.key_sealing import SecretKey

LONGEST_WINDOW = timedelta(days=1)
"""Of lost responses: longer than a phone is without a network."""
_FEWEST_DISTINCT_BYTES = 20
"""Of 32 random ones 30 are different, and fewer than 20 hardly ever."""


def development(facts: Facts) -> Iterator[str]:
    """Development mode signs in whoever asks, so that it is for this machine alone."""
    settings = facts.settings
    if not settings.development:
        return
    if not _is_here(settings.issuer):
        yield (
            "TOKEN_LEDGER_DEVELOPMENT is on, and TOKEN_LEDGER_ISSUER is not a loopback address: development "
            "accepts logins that no identity provider vouches for; turn it off where others can reach the "
            "service"
        )
    elsewhere = [origin for origin in settings.allowed_origins if not _is_here(origin)]
    if elsewhere:
        yield (
            f"TOKEN_LEDGER_DEVELOPMENT is on, and TOKEN_LEDGER_ALLOWED_ORIGINS lets {', '.join(elsewhere)} "
            "in: turn it off where others can reach the service, or leave loopback origins alone"
        )


def introspection(facts: Facts) -> Iterator[str]:
    """The schema and GraphiQL are for those who develop."""
    if facts.settings.introspection and not facts.settings.development:
        yield (
            "TOKEN_LEDGER_INTROSPECTION is on outside development, and shows the whole schema and GraphiQL "
            "to anybody: leave it out"
        )


def cookies(facts: Facts) -> Iterator[str]:
    """A cookie without Secure is sent in the clear; on plain http and loopback there is no other."""
    settings = facts.settings
    if settings.cookie_secure:
        return
    addresses = (settings.issuer, *settings.allowed_origins)
    if any(not _is_here(address) or address.startswith("https:") for address in addresses):
        yield (
            "TOKEN_LEDGER_COOKIE_SECURE is off, so that refresh tokens travel in the clear: leave it out, "
            "and serve browsers by https"
        )


def secret_key(facts: Facts) -> Iterator[str]:
    """What was typed or made up can be guessed, and opens every key in the database."""
    values = SecretKey.parse(facts.settings.secret_key).values
    advice = (
        "make one with `openssl rand -base64 32`, give new,old until a server has started, then new alone"
    )
    for value in values:
        weakness = _weakness(value)
        if weakness is not None:
            yield f"TOKEN_LEDGER_SECRET_KEY {weakness}, and can be guessed: {advice}"
    if len(set(values)) < len(values):
        yield "TOKEN_LEDGER_SECRET_KEY holds the same value twice: leave one, or put the new one before it"


def origins(facts: Facts) -> Iterator[str]:
    """Pages that came in the clear can be anybody's."""
    if facts.settings.development:
        return
    plain = [
        origin
        for origin in facts.settings.allowed_origins
        if origin.startswith("http:") and not _is_here(origin)
    ]
    if plain:
        yield (
            f"TOKEN_LEDGER_ALLOWED_ORIGINS lets pages in that come by plain http ({', '.join(plain)}): "
            "whoever is on the way can change them; name their https origins"
        )


def proxies(facts: Facts) -> Iterator[str]:
    """Limits and the audit history go by the address that proxies tell."""
    if any(network.prefixlen == 0 for network in facts.settings.trusted_proxies):
        yield (
            "TOKEN_LEDGER_TRUSTED_PROXIES holds every address, so that any caller can claim any: name the "
            "networks of the proxies"
        )


def metrics(facts: Facts) -> Iterator[str]:
    """What is counted tells strangers how the service is used and how it fares."""
    if any(network.prefixlen == 0 for network in facts.settings.metrics_allow):
        yield (
            "TOKEN_LEDGER_METRICS_ALLOW holds every address, so that anybody can read how much the service "
            "is used and what is wrong with it: name the networks of your scrapers"
        )


def lost_response_window(facts: Facts) -> Iterator[str]:
    """While it is open, a stolen token that was replaced may pass for one whose answer was lost."""
    window = facts.settings.lost_response_window
    if window > LONGEST_WINDOW:
        yield (
            f"TOKEN_LEDGER_LOST_RESPONSE_WINDOW is {duration_text(window)}, and a stolen token that was "
            f"replaced can be used for so long: make it {duration_text(LONGEST_WINDOW)} or less"
        )


def issuers(facts: Facts) -> Iterator[str]:
    """Keys that come in the clear are anybody's; from elsewhere the file refuses them by itself."""
    if facts.settings.development:
        return
    for issuer in facts.issuers:
        if isinstance(issuer.keys, str) and not issuer.keys.startswith("https:"):
            yield (
                f"TOKEN_LEDGER_TRUSTED_ISSUERS: the keys of {issuer.issuer} come by plain http: give a "
                "jwks_url with https, or a jwks_file"
            )


def _weakness(value: bytes) -> str | None:
    if len(set(value)) == 1:
        return "is the same byte over and over"
    steps = {(after - before) % 256 for before, after in pairwise(value)}
    if len(steps) == 1:
        return "counts up or down"
    if all(0x20 <= byte < 0x7F for byte in value):
        return "is text, not random bytes"
    if len(set(value)) < _FEWEST_DISTINCT_BYTES:
        return "repeats itself"
    return None


def _is_here(url: str) -> bool:
    return is_loopback(urlsplit(url).hostname or "")
