"""Texts in the document itself, where JSON is not there to refuse a NUL."""

from __future__ import annotations

from tests.api.server import Server

TEXTS = [r"\u0000", r"a\u0000b", r"\u{0}", r"\u202E", r"\u{1F600}", r"\"", r"\\", "\uff41", "' OR 1=1"]


def login(server: Server, more: str) -> str:
    """A document with a good assertion and another field of the input."""
    given = f'assertion: "{server.assertion()}", transport: BODY, {more}'
    return f"mutation {{ login(input: {{{given}}}) {{ __typename }} }}"


async def test_no_text_of_a_document_is_an_error_of_ours(server: Server) -> None:
    pair = await server.login()
    own = pair["session"]["id"]
    for text in TEXTS:
        for operation in (
            f'mutation {{ login(input: {{assertion: "{text}", transport: BODY}}) {{ __typename }} }}',
            login(server, f'clientId: "{text}"'),
            login(server, f'deviceLabel: "{text}"'),
            f'mutation {{ refresh(input: {{refreshToken: "{text}"}}) {{ __typename }} }}',
            f'mutation {{ refresh(input: {{refreshToken: "x", clientId: "{text}"}}) {{ __typename }} }}',
            f'mutation {{ logout(input: {{refreshToken: "{text}"}}) {{ __typename }} }}',
            f'{{ session(id: "{text}") {{ id }} }}',
            f'{{ node(id: "{text}") {{ id }} }}',
            f'{{ node(id: "{own}:{text}") {{ id }} }}',
            f'{{ me {{ sessions(after: "{text}") {{ edges {{ cursor }} }} }} }}',
            f'{{ session(id: "{own}") {{ events(after: "{text}") {{ edges {{ cursor }} }} }} }}',
            f'mutation {{ renameSession(id: "{own}", deviceLabel: "{text}") {{ __typename }} }}',
            f'mutation {{ revokeSession(id: "{own}x", reason: "{text}") {{ __typename }} }}',
            f'mutation {{ revokeSession(id: "{text}", reason: "{text}") {{ __typename }} }}',
        ):
            answer = await server.http.graphql(operation, access_token=pair["accessToken"])
            assert answer.status in (200, 294), (operation, answer.body)
            assert b"INTERNAL" not in answer.body, (operation, answer.body)


async def test_a_nul_is_refused_where_it_would_be_kept(server: Server) -> None:
    answer = await server.http.graphql(login(server, r'deviceLabel: "a\u0000"'))
    assert answer.status == 294
    assert answer.json["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert server.execute("SELECT count(*) FROM events") == [(0,)]


async def test_an_argument_of_two_words_reaches_its_field(server: Server) -> None:
    pair = await server.login()
    query = f"""
    mutation {{
      renameSession(id: "{pair["session"]["id"]}", deviceLabel: "desk") {{ ... on Session {{ deviceLabel }} }}
    }}
    """
    answer = await server.http.graphql(query, access_token=pair["accessToken"])
    assert answer.of("renameSession") == {"deviceLabel": "desk"}
