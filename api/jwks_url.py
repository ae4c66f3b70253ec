"""Keys that an issuer publishes at a URL, fetched when they are needed and kept for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from jwt import PyJWKClient, PyJWTError

from api.verification_keys import VerificationKey, choose_key, keys_of_jwks

FETCH_TIMEOUT_SECONDS = 5.0
FRESH_SECONDS = 300.0
"""So long keys are used without asking again."""
USABLE_SECONDS = 3600.0
"""So long they are used while the issuer cannot be reached."""
PAUSE_SECONDS = 30.0
"""At most one fetch in this time, however many unknown key ids are presented."""
PAUSE_AFTER_FAILURE_SECONDS = 5.0


class IssuerUnavailableError(Exception):
    """The keys of an issuer cannot be fetched now; the same assertion may be accepted later."""


def fetch_jwks(url: str) -> object:
    """GET the key set; blocks for at most some seconds, follows no redirect.

    Raises:
        OSError, ValueError, PyJWTError: it cannot be fetched, or is no JSON object.
    """
    return PyJWKClient(url, cache_jwk_set=False, timeout=FETCH_TIMEOUT_SECONDS).fetch_data()


class JwksUrlKeys:
    """The keys at one URL. However many ask at once, one fetch runs, in a thread."""

    def __init__(
        self,
        url: str,
        *,
        algorithms: frozenset[str],
        monotonic: Callable[[], float],
        fetch: Callable[[str], object] = fetch_jwks,
    ) -> None:
        """Fetches nothing yet. `monotonic` gives seconds."""
        self._url = url
        self._algorithms = algorithms
        self._monotonic = monotonic
        self._fetch = fetch
        self._lock = asyncio.Lock()
        self._keys: tuple[VerificationKey, ...] = ()
        self._fetched_at = float("-inf")
        self._next_fetch_at = float("-inf")
        self._failure: Exception | None = None

    async def find(self, *, key_id: str | None, algorithm: str) -> VerificationKey | None:
        """The key that fits, fetched anew when it is not there; None: the issuer has none.

        Raises:
            IssuerUnavailableError: the issuer could not be asked, and no key known from before fits.
        """
        if (key := self._known(key_id, algorithm, within=FRESH_SECONDS)) is not None:
            return key
        async with self._lock:
            if self._known(key_id, algorithm, within=FRESH_SECONDS) is None:
                await self._fetch_if_due()
        key = self._known(key_id, algorithm, within=USABLE_SECONDS)
        if key is None and self._failure is not None:
            raise IssuerUnavailableError(f"the keys at {self._url} cannot be fetched") from self._failure
        return key

    def _known(self, key_id: str | None, algorithm: str, *, within: float) -> VerificationKey | None:
        if self._monotonic() - self._fetched_at >= within:
            return None
        return choose_key(self._keys, key_id=key_id, algorithm=algorithm)

    async def _fetch_if_due(self) -> None:
        now = self._monotonic()
        if now < self._next_fetch_at:
            return
        self._next_fetch_at = now + PAUSE_AFTER_FAILURE_SECONDS
        try:
            async with asyncio.timeout(FETCH_TIMEOUT_SECONDS):
                document = await asyncio.to_thread(self._fetch, self._url)
            self._keys = keys_of_jwks(document, algorithms=self._algorithms)
        except (OSError, ValueError, PyJWTError) as error:  # TimeoutError is an OSError
            self._failure = error
            return
        self._failure = None
        self._fetched_at = now
        self._next_fetch_at = now + PAUSE_SECONDS
