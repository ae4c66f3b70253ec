"""The sealed log as the public, a user and an auditor read it, verified from what is served alone."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from ledger.log_key_ring import open_checkpoint
from ledger.merkle_tree import Frontier, fold, root_nodes, verify_consistency, verify_inclusion
from ledger.signed_note import Verifier
from ledger.tiles import node_in_tile, tile_holding, tile_path, width_of
from tests.api.callers import Callers
from tests.api.http import Answer
from tests.api.server import Server

CHECKPOINT = "{ checkpoint { origin treeSize rootHash signedAt note } }"
PROOF = """
query ($id: ID!) {
  inclusionProof(eventId: $id) { leafIndex treeSize leafHash hashes checkpoint { treeSize rootHash note } }
}
"""
CONSISTENCY = """
query ($from: SafeInt!, $to: SafeInt!) {
  consistencyProof(fromSize: $from, toSize: $to) { fromSize toSize hashes }
}
"""
RENAME = """
mutation ($id: ID!, $label: String!) { renameSession(id: $id, deviceLabel: $label) { __typename } }
"""
ACT = "query ($id: ID!) { node(id: $id) { ... on Event { type sessionId subject actor reason } } }"
TIMELINE = "query ($id: ID!) { session(id: $id) { events { edges { node { id logIndex leaf leafHash } } } } }"


async def get(server: Server, path: str) -> Answer:
    return await server.http.send("GET", path)


async def verifier_of(server: Server) -> Verifier:
    """As an auditor got it before, by another way than from the server."""
    keys = server.application._keys.loaded.rings.log
    return keys.signer("127.0.0.1:8000").verifier


async def timeline(server: Server, pair: Any) -> list[Any]:
    answer = await server.http.graphql(
        TIMELINE, {"id": pair["session"]["id"]}, access_token=pair["accessToken"]
    )
    return [edge["node"] for edge in answer.of("session")["events"]["edges"]]


async def test_before_the_first_seal_there_is_nothing(server: Server) -> None:
    pair = await server.login()
    assert (await get(server, "/checkpoint")).status == 404
    assert (await get(server, "/tile/0/000")).status == 404
    assert (await server.http.graphql(CHECKPOINT)).of("checkpoint") is None
    event = (await timeline(server, pair))[0]
    assert event["logIndex"] is None
    answer = await server.http.graphql(PROOF, {"id": event["id"]}, access_token=pair["accessToken"])
    assert answer.of("inclusionProof") is None
    assert (await server.http.graphql(CONSISTENCY, {"from": 1, "to": 1})).of("consistencyProof") is None


async def test_an_event_is_proved_to_its_user_from_its_leaf_to_the_signed_note(server: Server) -> None:
    for name in ("ada", "bob", "carol"):
        await server.login(name)
    pair = await server.login("dora")
    await server.refresh(pair["refreshToken"])
    await server.sealed()
    await server.login("eve")
    await server.sealed()
    events = await timeline(server, pair)
    assert [one["logIndex"] for one in events] == [3, 4]
    for event in events:
        assert sha256(b"\0" + event["leaf"].encode()).hexdigest() == event["leafHash"]
        answer = await server.http.graphql(PROOF, {"id": event["id"]}, access_token=pair["accessToken"])
        proof = answer.of("inclusionProof")
        body = open_checkpoint(proof["checkpoint"]["note"], (await verifier_of(server),))
        assert (body.origin, body.size, body.root.hex()) == (
            "127.0.0.1:8000",
            6,
            proof["checkpoint"]["rootHash"],
        )
        assert (proof["leafIndex"], proof["leafHash"]) == (event["logIndex"], event["leafHash"])
        verify_inclusion(
            bytes.fromhex(event["leafHash"]),
            index=proof["leafIndex"],
            size=proof["treeSize"],
            hashes=[bytes.fromhex(one) for one in proof["hashes"]],
            root=body.root,
        )


async def test_what_was_signed_once_is_proved_to_be_the_beginning_of_what_is_signed_now(
    server: Server,
) -> None:
    heads = []
    for number in range(9):
        await server.login(f"user {number}")
        await server.sealed()
        heads.append((await server.http.graphql(CHECKPOINT)).of("checkpoint"))
    verifier = await verifier_of(server)
    bodies = [open_checkpoint(one["note"], (verifier,)) for one in heads]
    assert [one.size for one in bodies] == list(range(1, 10)) == [one["treeSize"] for one in heads]
    for first in bodies:
        for second in bodies[first.size - 1 :]:
            given = {"from": first.size, "to": second.size}
            proof = (await server.http.graphql(CONSISTENCY, given)).of("consistencyProof")
            verify_consistency(
                first=first.size,
                second=second.size,
                first_root=first.root,
                second_root=second.root,
                hashes=[bytes.fromhex(one) for one in proof["hashes"]],
            )
    for given in ({"from": 0, "to": 3}, {"from": 3, "to": 2}, {"from": 1, "to": 10}):
        assert (await server.http.graphql(CONSISTENCY, given)).of("consistencyProof") is None


@pytest.mark.parametrize("size", [-1, 2**53, 1.5, "1", True, None])
async def test_a_size_that_is_none_is_refused_before_anything_is_read(server: Server, size: Any) -> None:
    answer = await server.http.graphql(CONSISTENCY, {"from": size, "to": 5})
    assert answer.status in (400, 422)
    assert "data" not in answer.json


async def test_the_tiles_are_the_tree_that_the_checkpoint_signs(server: Server) -> None:
    """Past the width of a tile, so that there are full ones, partial ones, and a level above."""
    pair = await server.login()
    token = pair["refreshToken"]
    for _ in range(3):
        token = (await server.refresh(token))["refreshToken"]
    for number in range(300):
        await server.http.graphql(
            RENAME,
            {"id": pair["session"]["id"], "label": f"label {number}"},
            access_token=pair["accessToken"],
        )
    await server.sealed()
    note = (await get(server, "/checkpoint")).body.decode()
    body = open_checkpoint(note, (await verifier_of(server),))
    assert body.size == 304
    tree = Frontier()
    for (leaf_hash,) in server.execute("SELECT leaf_hash FROM events ORDER BY version"):
        tree.append(leaf_hash)
    assert tree.root() == body.root
    hashes = []
    for node in root_nodes(body.size):
        tile = tile_holding(node)
        served = await get(server, f"/{tile_path(tile, width_of(tile, body.size))}")
        assert served.status == 200
        assert served.header("content-type") == "application/octet-stream"
        assert "immutable" in (served.header("cache-control") or "")
        hashes.append(node_in_tile(node, served.body))
    assert fold(hashes) == body.root
    full = await get(server, "/tile/0/000")
    part = await get(server, "/tile/0/000.p/7")
    assert (len(full.body), part.body) == (8192, full.body[: 7 * 32])
    assert (await get(server, "/tile/0/001")).status == 404
    assert (await get(server, "/tile/0/001.p/49")).status == 404
    assert len((await get(server, "/tile/0/001.p/48")).body) == 48 * 32


@pytest.mark.parametrize(
    "path",
    [
        "/tile/",
        "/tile/0/0",
        "/tile/0/000.p/0",
        "/tile/0/000.p/256",
        "/tile/00/000",
        "/tile/8/000",
        "/tile/64/000",
        "/tile/0/x999/x999/x999/x999/x999/x999/999",
        "/tile/0/../0/000",
        "/tile/entries/000",
        "/tile/0/-01",
        "/tile/0/00%30",
        "/tile/" + "9" * 5000,
    ],
)
async def test_a_path_that_is_no_tiles_is_not_found(server: Server, path: str) -> None:
    await server.login()
    await server.sealed()
    assert (await get(server, path)).status == 404


async def test_an_auditor_gets_proofs_of_administrative_acts_and_others_do_not(callers: Callers) -> None:
    server = callers.server
    admin = await callers.client("sessions:admin")
    document = 'mutation { suspendSubject(subject: "mallory", reason: "x") { __typename } }'
    await server.http.graphql(document, headers=admin)
    await server.sealed()
    ((event,),) = server.execute("SELECT stream_id || ':1' FROM events WHERE type = 'SubjectSuspended'")
    for headers, seen in ((await callers.client("audit:read"), True), (admin, False)):
        answer = await server.http.graphql(PROOF, {"id": event}, headers=headers)
        assert (answer.of("inclusionProof") is not None) is seen
        document = (
            "query ($id: ID!) { node(id: $id) { ... on Event { type sessionId subject actor reason } } }"
        )
        found = (await server.http.graphql(document, {"id": event}, headers=headers)).of("node")
        assert (found is not None) is seen
        if seen:
            assert found == {
                "type": "SUBJECT_SUSPENDED",
                "sessionId": None,
                "subject": "mallory",
                "actor": "client:shop",
                "reason": "x",
            }
