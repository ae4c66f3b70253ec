"""Every kind of caller: made anew by its name, as the Authorization header that it sends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
import orjson
import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ledger import key_store
from ledger.key_sealing import SecretKey
from ledger.signing_algorithm import SigningAlgorithm, SigningKey, decode_base64url, encode_base64url
from tests.api.clients import basic, new_client
from tests.api.server import Server, running_server
from tests.api.test_oauth_token import ask, granted

SCOPES = ("audit:read", "sessions:issue", "sessions:admin", "subjects:erase", "tokens:introspect")
SHOP = "shop"
"""A confidential client that may ask for every scope."""
NOBODY = (
    "no token",
    "an empty token",
    "garbage",
    "another scheme",
    "an expired token",
    "a token of tomorrow",
    "a token of a revoked key",
    "a token signed by a stranger",
    "a token without a signature",
    "a token for another audience",
    "a token of another issuer",
    "an id token",
    "a token without its session",
    "a refresh token",
    "an assertion",
)
ENDED = ("a token of a session that was logged out", "of a boundary", "of a session that never was")
WRONG_SECRET = ("a wrong secret", "the secret of nobody", "a secret of a public client", "half a secret")
_ISSUER = "https://login.example.com"
_ISSUER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


class Callers:
    """Makes callers of a server whose client `shop` and whose issuer may have every scope."""

    def __init__(self, server: Server, secret: str) -> None:
        self.server = server
        self.secret = secret

    async def session(self, subject: str, scope: str = "") -> Any:
        """A new session of the public client."""
        now = int(self.server.now().timestamp())
        payload = {
            "iss": _ISSUER,
            "sub": subject,
            "aud": self.server.settings.issuer,
            "iat": now,
            "exp": now + 60,
            "jti": str(uuid4()),
            "scope": scope,
        }
        return await self.server.login(subject, assertion=jwt.encode(payload, _ISSUER_KEY, "EdDSA"))

    async def session_of_shop(self) -> Any:
        """Refresh and access token of a new session of the confidential client."""
        given = {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": self.server.assertion(),
        }
        return granted(await ask(self.server, given, self.basic()))

    def basic(self) -> dict[str, str]:
        """As the confidential client proves itself."""
        return basic(SHOP, self.secret)

    async def person(self, subject: str, scope: str = "") -> dict[str, str]:
        """Somebody with a session of their own."""
        return _bearer((await self.session(subject, scope))["accessToken"])

    async def client(self, scope: str = "") -> dict[str, str]:
        """The confidential client for itself; without a scope it is one that may have none."""
        if not scope:
            headers = basic("idle", await new_client(self.server, "idle"))
            told = granted(await ask(self.server, {"grant_type": "client_credentials"}, headers))
        else:
            asked = {"grant_type": "client_credentials", "scope": scope}
            told = granted(await ask(self.server, asked, self.basic()))
        assert told.get("scope", "") == scope
        return _bearer(told["access_token"])

    async def without_right(self, name: str) -> dict[str, str]:
        """One of `NOBODY`, `ENDED` and `WRONG_SECRET`; whatever its token lacks, all else of it is right."""
        pair = await self.session("ada")
        token: str = pair["accessToken"]
        now = int(self.server.now().timestamp())
        match name:
            case "no token":
                return {}
            case "an empty token":
                return {"authorization": "Bearer "}
            case "garbage":
                return _bearer("garbage")
            case "another scheme":
                return {"authorization": f"DPoP {token}"}
            case "an expired token":
                return _bearer(self.altered(token, iat=now - 900, nbf=now - 900, exp=now))
            case "a token of tomorrow":
                return _bearer(self.altered(token, nbf=now + 86_400, exp=now + 87_300))
            case "a token of a revoked key":
                await self._revoke_key_of(token)
                return _bearer(token)
            case "a token signed by a stranger":
                stranger = SigningKey.generate(SigningAlgorithm.EDDSA)
                return _bearer(_signed(*_parts(token), stranger.sign))
            case "a token without a signature":
                header, claims = _parts(token)
                return _bearer(_signed({**header, "alg": "none"}, claims, lambda _: b""))
            case "a token for another audience":
                return _bearer(self.altered(token, aud="https://other.example.com"))
            case "a token of another issuer":
                return _bearer(self.altered(token, iss=_ISSUER))
            case "an id token":
                return _bearer(self.altered(token, typ="JWT"))
            case "a token without its session":
                return _bearer(self.altered(token, sid=None))
            case "a refresh token":
                return _bearer(pair["refreshToken"])
            case "an assertion":
                return _bearer(self.server.assertion())
            case "a token of a session that was logged out":
                await self.server.logout(pair["refreshToken"])
                return _bearer(token)
            case "of a boundary":
                of_gus = await self.person("gus")
                self.server.set_subject("gus", not_before=datetime.now(UTC) + timedelta(seconds=1))
                return of_gus
            case "of a session that never was":
                return _bearer(self.altered(token, sid=str(uuid4())))
            case "a wrong secret":
                return basic(SHOP, self.secret[:-1] + ("A" if self.secret[-1] != "A" else "B"))
            case "the secret of nobody":
                return basic("nobody", self.secret)
            case "a secret of a public client":
                return basic("web", "")
            case "half a secret":
                return {"authorization": self.basic()["authorization"][:-20]}
        raise ValueError(name)

    def altered(self, token: str, *, typ: str = "at+jwt", **claims: Any) -> str:
        """The token with other claims, without those that are None, signed by the ledger's own key."""
        header, known = _parts(token)
        kept = {name: value for name, value in {**known, **claims}.items() if value is not None}
        return _signed({**header, "typ": typ}, kept, self.server.application._keys.loaded.issuer.key.sign)

    async def _revoke_key_of(self, token: str) -> None:
        """Nobody waits for keys to be read again: the clock of that wait runs ahead."""
        server, keys = self.server, self.server.application._keys
        secret_key = SecretKey.parse(server.settings.secret_key)
        made = {"algorithm": SigningAlgorithm.EDDSA, "now": datetime.now(UTC)}
        async with await psycopg.AsyncConnection.connect(server.database_url, autocommit=True) as connection:
            await key_store.revoke(
                connection, secret_key, str(jwt.get_unverified_header(token)["kid"]), **made
            )
        keys._monotonic = count(0, 2).__next__
        await keys.load()


@asynccontextmanager
async def callers_of(database_url: str, folder: Path) -> AsyncIterator[Callers]:
    """A running server and whoever calls it; `folder` is for the file of its trusted issuers."""
    public_key = _ISSUER_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    file = folder / "issuers.toml"
    file.write_text(
        f'[[issuer]]\nissuer = "{_ISSUER}"\nalgorithms = ["EdDSA"]\n'
        f'scopes = {orjson.dumps(SCOPES).decode()}\npublic_key = """{public_key.decode()}"""\n'
    )
    async with running_server(database_url, {"TOKEN_LEDGER_TRUSTED_ISSUERS": str(file)}) as server:
        yield Callers(server, await new_client(server, SHOP, scopes=SCOPES))


def recorded(connection: psycopg.Connection[Any]) -> list[str]:
    """The type of every event, in the order in which they were recorded."""
    return [row[0] for row in connection.execute("SELECT type FROM events ORDER BY position")]


def _bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def _parts(token: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    header, claims, _ = token.split(".")
    return orjson.loads(decode_base64url(header)), orjson.loads(decode_base64url(claims))


def _signed(header: Mapping[str, Any], claims: Mapping[str, Any], sign: Any) -> str:
    signed = encode_base64url(orjson.dumps(header)) + b"." + encode_base64url(orjson.dumps(claims))
    return (signed + b"." + encode_base64url(sign(signed))).decode()
