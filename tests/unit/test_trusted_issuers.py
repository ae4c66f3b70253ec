"""The file of trusted issuers: what an entry may hold, and one clear line for each mistake."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from api.settings import SettingsError
from api.trusted_issuers import TrustedIssuer, load_trusted_issuers
from api.verification_keys import ALGORITHMS, choose_key, keys_of_jwks

AUDIENCE = "https://ledger.example.com"
Jwk = dict[str, object]
OF_RSA = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})


@cache
def ed25519_key() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


@cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@cache
def ec_key(curve: type[ec.EllipticCurve] = ec.SECP256R1) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve())


def pem(
    key: ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def jwk(**members: object) -> Jwk:
    """The public Ed25519 key as a JWK, with further members."""
    return {**OKPAlgorithm.to_jwk(ed25519_key().public_key(), as_dict=True), **members}


def load(folder: Path, text: str) -> tuple[TrustedIssuer, ...]:
    file = folder / "issuers.toml"
    file.write_text(text)
    return load_trusted_issuers(file, audience=AUDIENCE)


def load_entry(folder: Path, lines: str, *, key: str | None = None) -> TrustedIssuer:
    """An entry with a public key and further lines."""
    given = f'public_key = """\n{pem(ed25519_key()) if key is None else key}"""\n'
    (issuer,) = load(folder, f'[[issuer]]\nissuer = "https://idp.example"\n{given}{lines}\n')
    return issuer


def refusal(folder: Path, text: str) -> str:
    """The message with which a file is refused; always one line that names the file."""
    with pytest.raises(SettingsError) as refused:
        load(folder, text)
    message = str(refused.value)
    assert message.isprintable()
    assert message.startswith(f"TOKEN_LEDGER_TRUSTED_ISSUERS: '{folder / 'issuers.toml'}': ")
    return message


def test_an_entry_needs_a_name_and_a_key_and_grants_nothing_by_default(tmp_path: Path) -> None:
    issuer = load_entry(tmp_path, "")

    assert issuer.issuer == "https://idp.example"
    assert issuer.audiences == {AUDIENCE}
    assert issuer.claims == frozenset()
    assert issuer.scopes == frozenset()
    assert isinstance(issuer.keys, tuple)
    (key,) = issuer.keys
    assert key.key_id is None
    assert key.algorithms == {"EdDSA"}
    assert key.public_key == ed25519_key().public_key()


def test_an_entry_may_name_audiences_claims_and_scopes(tmp_path: Path) -> None:
    issuer = load_entry(
        tmp_path,
        'audience = ["a", "b"]\nclaims = ["email", "https://example.com/role"]\nscopes = ["audit:read"]',
    )

    assert issuer.audiences == {"a", "b"}
    assert issuer.claims == frozenset({"email", "https://example.com/role"})
    assert issuer.scopes == {"audit:read"}
    assert load_entry(tmp_path, 'audience = "c"').audiences == {"c"}


@pytest.mark.parametrize(
    ("key", "algorithms"),
    [
        (ed25519_key, {"EdDSA"}),
        (rsa_key, OF_RSA),
        (ec_key, {"ES256"}),
        (lambda: ec_key(ec.SECP384R1), {"ES384"}),
        (lambda: ec_key(ec.SECP521R1), {"ES512"}),
    ],
)
def test_the_algorithms_follow_from_the_key(tmp_path: Path, key: object, algorithms: set[str]) -> None:
    assert callable(key)
    issuer = load_entry(tmp_path, "", key=pem(key()))

    assert isinstance(issuer.keys, tuple)
    assert issuer.keys[0].algorithms == algorithms


def test_algorithms_narrow_what_a_key_may_be_used_with(tmp_path: Path) -> None:
    issuer = load_entry(tmp_path, 'algorithms = ["PS256", "EdDSA"]', key=pem(rsa_key()))

    assert isinstance(issuer.keys, tuple)
    assert issuer.keys[0].algorithms == {"PS256"}
    assert issuer.algorithms == {"PS256", "EdDSA"}


def test_keys_may_lie_in_a_file_beside_the_list(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [jwk(kid="a"), jwk(kid="b")]}))

    (issuer,) = load(tmp_path, '[[issuer]]\nissuer = "x"\njwks_file = "keys.json"')

    assert isinstance(issuer.keys, tuple)
    assert [key.key_id for key in issuer.keys] == ["a", "b"]


@pytest.mark.parametrize(
    "url", ["https://idp.example/keys", "http://localhost:9000/keys", "http://[::1]/keys"]
)
def test_keys_may_lie_at_a_url(tmp_path: Path, url: str) -> None:
    (issuer,) = load(tmp_path, f'[[issuer]]\nissuer = "x"\njwks_url = "{url}"')

    assert issuer.keys == url


def test_several_issuers_are_read_in_order(tmp_path: Path) -> None:
    entry = '[[issuer]]\nissuer = "{}"\njwks_url = "https://idp.example/keys"\n'

    assert [one.issuer for one in load(tmp_path, entry.format("b") + entry.format("a"))] == ["b", "a"]


KEY = f'public_key = """\n{pem(ed25519_key())}"""\n'
PRIVATE_PEM = ed25519_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "must hold an entry [[issuer]]"),
        ("issuer = 'x'", "must hold an entry [[issuer]]"),
        ("issuer = []", "must hold an entry [[issuer]]"),
        ("[issuer]\nissuer = 'x'", "must hold an entry [[issuer]]"),
        ("[[issuers]]\nissuer = 'x'", "'issuers' is unknown"),
        ("audience = 'x'\n[[issuer]]\nissuer = 'x'", "'audience' is unknown"),
        ("[[issuer]", "line 1"),
        ("[[issuer]]\nissuer = 'x'\nissuer = 'y'", "Cannot overwrite a value"),
        (f"[[issuer]]\n{KEY}", "`issuer` must be the `iss`"),
        (f"[[issuer]]\nissuer = ''\n{KEY}", "`issuer` must be the `iss`"),
        (f"[[issuer]]\nissuer = 7\n{KEY}", "`issuer` must be the `iss`"),
        ("[[issuer]]\nissuer = 'urn:token-ledger:development'", "kept for the issuer of development"),
        (
            f"[[issuer]]\nissuer = 'x'\n{KEY}[[issuer]]\nissuer = 'x'\n{KEY}",
            "issuer 'x': must have one entry only",
        ),
    ],
)
def test_a_wrong_file_is_one_clear_line(tmp_path: Path, text: str, hint: str) -> None:
    assert hint in refusal(tmp_path, text)


@pytest.mark.parametrize(
    ("lines", "hint"),
    [
        ("", "exactly one of `jwks_file`, `jwks_url`, `public_key`"),
        (f'{KEY}jwks_url = "https://idp.example"', "exactly one of"),
        (f'{KEY}algorithm = "EdDSA"', "`algorithm` is unknown"),
        (f'{KEY}"alg\\norithms" = "EdDSA"', "is unknown"),
        (f'{KEY}algorithms = "EdDSA"', "`algorithms` must be a list of texts"),
        (f"{KEY}algorithms = []", "`algorithms` must be some of"),
        (f'{KEY}algorithms = ["HS256"]', "`algorithms` must be some of"),
        (f'{KEY}algorithms = ["none"]', "`algorithms` must be some of"),
        (f'{KEY}algorithms = ["EdDSA", "HS256"]', "`algorithms` must be some of"),
        (f'{KEY}algorithms = ["RS256"]', "`public_key` must fit the algorithms; this key verifies EdDSA"),
        (f'{KEY}claims = "email"', "`claims` must be a list of texts"),
        (f"{KEY}claims = [1]", "`claims` must be a list of texts"),
        (f'{KEY}claims = ["sub"]', "`claims` must not hold 'sub'"),
        (f'{KEY}claims = ["email", "scope"]', "`claims` must not hold 'scope'"),
        (f'{KEY}claims = ["active"]', "`claims` must not hold 'active'"),
        (f'{KEY}claims = [""]', "`claims` must be names"),
        (f'{KEY}claims = ["größe"]', "`claims` must be names"),
        (f'{KEY}scopes = "audit:read"', "`scopes` must be a list of texts"),
        (f'{KEY}scopes = ["audit:read sessions:admin"]', "`scopes` must be scopes"),
        (f"{KEY}audience = 7", "`audience` must be"),
        (f'{KEY}audience = ""', "`audience` must be"),
        (f"{KEY}audience = []", "`audience` must be"),
        (f'{KEY}audience = ["a", 7]', "`audience` must be"),
        ("public_key = 7", "`public_key` must be a text"),
        ('public_key = "swordfish"', "`public_key` must be a public key in PEM"),
        (f'public_key = """{PRIVATE_PEM}"""', "`public_key` must be a public key in PEM"),
        pytest.param(
            f'public_key = """{pem(ed448.Ed448PrivateKey.generate())}"""',
            "`public_key` must be a key of these",
            id="Ed448",
        ),
        pytest.param(f'public_key = """{pem(rsa_key(1024))}"""', "RSA from 2048 bits", id="RSA 1024"),
        pytest.param(
            f'public_key = """{pem(ec_key(ec.SECP256K1))}"""',
            "`public_key` must be a key of these kinds",
            id="secp256k1",
        ),
        ('jwks_file = "none.json"', "`jwks_file` must be the path of a file that can be read (No such file"),
        ('jwks_file = "issuers.toml"', "`jwks_file` must be the path of a JSON file"),
        ('jwks_file = ""', "`jwks_file` must be a text"),
        ('jwks_file = "\\u0000"', "`jwks_file` must be a text"),
        ('jwks_url = ""', "`jwks_url` must be a text"),
        ('jwks_url = "http://idp.example/keys"', "`jwks_url` must be an https URL"),
        ('jwks_url = "file:///etc/passwd"', "`jwks_url` must be an https URL"),
        ('jwks_url = "https://user:swordfish@idp.example/"', "`jwks_url` must be an https URL"),
        ('jwks_url = "https://idp.example:port/"', "`jwks_url` must be an https URL"),
        ('jwks_url = "https:///keys"', "`jwks_url` must be an https URL"),
    ],
)
def test_a_wrong_entry_is_one_line_with_the_issuer_and_the_key(tmp_path: Path, lines: str, hint: str) -> None:
    message = refusal(tmp_path, f'[[issuer]]\nissuer = "https://idp.example"\n{lines}')

    assert "issuer 'https://idp.example': " in message
    assert hint in message
    assert "swordfish" not in message
    assert "PRIVATE" not in message


def test_a_file_that_cannot_be_read_is_one_clear_line(tmp_path: Path) -> None:
    for path, hint in ((tmp_path / "none.toml", "No such file"), (tmp_path, "directory")):
        with pytest.raises(SettingsError, match=f"must be the path of a file that can be read.*{hint}"):
            load_trusted_issuers(path, audience=AUDIENCE)


def test_a_file_that_is_no_text_is_one_clear_line(tmp_path: Path) -> None:
    file = tmp_path / "issuers.toml"
    file.write_bytes(b"\xff\xfe")

    with pytest.raises(SettingsError, match="utf-8"):
        load_trusted_issuers(file, audience=AUDIENCE)


def test_keys_of_a_set_that_cannot_verify_are_passed_over() -> None:
    private = OKPAlgorithm.to_jwk(ed25519_key(), as_dict=True)
    unusable: list[object] = [
        None,
        "key",
        {},
        {"kty": "unknown", "kid": "a"},
        {"kty": "oct", "k": "c3dvcmRmaXNo", "alg": "HS256"},
        {"kty": "OKP", "crv": "Ed25519", "x": "AAAA"},
        {"kty": "OKP", "crv": "Ed25519", "x": 7},
        {"kty": "RSA", "n": [], "e": "AQAB"},
        {"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"},
        RSAAlgorithm.to_jwk(rsa_key(1024).public_key(), as_dict=True),
        ECAlgorithm.to_jwk(ec_key(ec.SECP256K1).public_key(), as_dict=True),
        private,
        jwk(use="enc"),
        jwk(key_ops=["sign"]),
        jwk(key_ops="verify"),
        jwk(kid=7),
        jwk(alg=7),
        jwk(alg="none"),
        jwk(alg="HS256"),
        jwk(alg="RS256"),
        {**RSAAlgorithm.to_jwk(rsa_key().public_key(), as_dict=True), "alg": "RSA-OAEP"},
    ]

    keys = keys_of_jwks({"keys": [*unusable, jwk(kid="good", use="sig", key_ops=["verify"], alg="EdDSA")]})

    assert [key.key_id for key in keys] == ["good"]
    for member in unusable:
        with pytest.raises(ValueError, match="must hold a public signing key"):
            keys_of_jwks({"keys": [member]})


@pytest.mark.parametrize("document", [None, [], "", 7, {}, {"keys": None}, {"keys": {}}, {"Keys": []}])
def test_what_is_no_key_set_is_refused(document: object) -> None:
    with pytest.raises(ValueError, match="must hold a JSON Web Key Set"):
        keys_of_jwks(document)


def test_the_algorithm_that_a_key_names_is_the_only_one_it_is_used_with() -> None:
    member = RSAAlgorithm.to_jwk(rsa_key().public_key(), as_dict=True)

    assert keys_of_jwks({"keys": [member]})[0].algorithms == OF_RSA
    assert keys_of_jwks({"keys": [{**member, "alg": "PS256"}]})[0].algorithms == {"PS256"}
    with pytest.raises(ValueError, match="fits the algorithms"):
        keys_of_jwks({"keys": [{**member, "alg": "PS256"}]}, algorithms=frozenset({"RS256"}))


def test_a_key_is_chosen_by_its_id_and_algorithm_and_only_when_one_fits() -> None:
    of_rsa = {**RSAAlgorithm.to_jwk(rsa_key().public_key(), as_dict=True), "kid": "a"}
    keys = keys_of_jwks({"keys": [jwk(kid="a"), jwk(kid="b"), of_rsa]})

    assert choose_key(keys, key_id="a", algorithm="EdDSA") == keys[0]
    assert choose_key(keys, key_id="b", algorithm="EdDSA") == keys[1]
    assert choose_key(keys, key_id="a", algorithm="RS256") == keys[2]
    assert choose_key(keys, key_id=None, algorithm="RS256") == keys[2]
    assert choose_key(keys, key_id=None, algorithm="EdDSA") is None
    assert choose_key(keys, key_id="c", algorithm="EdDSA") is None
    assert choose_key(keys, key_id="b", algorithm="RS256") is None


def test_no_algorithm_with_a_shared_secret_is_known() -> None:
    assert not [one for one in ALGORITHMS if one.startswith("HS") or one.lower() == "none"]
