"""The page verifies by itself that an event is in the log, and sees what is wrong."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable
from functools import partial
from typing import Any

from playwright.async_api import Route, expect

from ledger.merkle_tree import inclusion_nodes, verify_inclusion
from tests.served import run
from tests.web.console.large_ledger import Known
from tests.web.console.using import Console


def _verifier_keys(known: Known) -> list[str]:
    """As the operator prints them: of the key that signs, and of the next one."""
    listed = run("keys list", known.site.server.environ)
    return [line for line in listed.stdout.splitlines() if line.startswith("verifier key")]


def _signing_key(known: Known) -> str:
    """The one whose id the newest note names."""
    note = known.one("SELECT note FROM log_state")
    signed = base64.b64decode(note.split()[-1])[:4].hex()
    return next(line for line in _verifier_keys(known) if f"+{signed}+" in line)


async def test_an_event_is_proved_step_by_step_and_the_signature_is_checked(
    console: Console, known: Known
) -> None:
    event = known.event_id("ReuseDetected")
    await console.signed_in("log", event=event)
    page = console.page
    verdict = page.locator("main .state[role=status]")
    await expect(verdict).to_contain_text("The event is in the log that this checkpoint describes")
    await expect(verdict).to_contain_text("The signature was not checked")
    steps = page.locator(".steps > li")
    await expect(steps).to_have_count(6)
    assert await page.locator(".steps > li.right").count() == 5
    await page.locator(".steps summary").click()
    await expect(page.locator(".climb li").first).to_contain_text("gives")
    key = _signing_key(known)
    await page.get_by_label("The log's verifier key").fill(key)
    await expect(verdict).to_contain_text("The event is in the log, and the root is signed by this key")
    await expect(steps.last).to_contain_text("(Ed25519)")
    await page.reload()
    await console.settled()
    await expect(verdict).to_contain_text("signed by this key")  # the key is kept, as it is public
    await page.get_by_label("The log's verifier key").fill(key[:-1])
    await expect(steps.last).to_contain_text("The signature was not checked")
    await expect(verdict).to_contain_text("The event is in the log that this checkpoint describes")


async def test_a_changed_leaf_is_seen_as_wrong(console: Console, known: Known) -> None:
    await console.signed_in("log", event=known.event_id("ReuseDetected"))
    page = console.page
    leaf = page.get_by_label("The leaf", exact=True)
    verdict = page.locator("main .state[role=status]")
    await expect(verdict).to_contain_text("The event is in the log")
    was = await leaf.input_value()
    await leaf.fill(was.replace('"generation":4', '"generation":5', 1))
    await expect(verdict).to_contain_text("The changed leaf is not in the log")
    await expect(page.locator(".steps > li.wrong")).to_have_count(2)  # the hash, and the root it leads to
    await page.get_by_role("button", name="As it was").click()
    await expect(verdict).to_contain_text("The event is in the log")


def _other_leaf(data: Any) -> None:
    data["node"]["leaf"] = data["node"]["leaf"].replace('"client":"', '"client":"x')


def _other_sibling(data: Any) -> None:
    hashes = data["inclusionProof"]["hashes"]
    hashes[0] = "00" * 32


def _fewer_hashes(data: Any) -> None:
    data["inclusionProof"]["hashes"].pop()


def _other_place(data: Any) -> None:
    data["inclusionProof"]["leafIndex"] -= 1


def _other_root(data: Any) -> None:
    """The checkpoint's root is made to fit nothing; its signed note is as it was."""
    data["inclusionProof"]["checkpoint"]["rootHash"] = "11" * 32


def _other_note(data: Any) -> None:
    checkpoint = data["inclusionProof"]["checkpoint"]
    lines = checkpoint["note"].split("\n")
    lines[1] = str(int(lines[1]) + 1)
    checkpoint["note"] = "\n".join(lines)


async def test_a_server_that_lies_is_seen(console: Console, known: Known) -> None:
    page = console.page
    await console.signed_in("events", sessionId=known.stolen)
    verdict = page.locator("main .state[role=status]")
    for tamper in (_other_leaf, _other_sibling, _fewer_hashes, _other_place, _other_root, _other_note):
        await page.route("**/graphql", partial(_tampered, tamper))
        await console.open("log", event=known.event_id("TokenRotated"))
        await console.settled()
        await expect(verdict, tamper.__name__).to_contain_text("NOT proved to be in the log")
        await expect(page.locator(".steps > li.wrong"), tamper.__name__).not_to_have_count(0)
        await page.unroute("**/graphql")


async def test_a_server_that_proves_another_event_is_seen(console: Console, known: Known) -> None:
    """Its proof is good, but of something else: what it would do for an event that it has removed."""
    asked, other = known.event_id("TokenRotated"), known.event_id("TokenIssued")
    page = console.page

    async def proves_another(route: Route) -> None:
        posted = json.loads(route.request.post_data or "{}")
        if "query Proof" not in posted.get("query", ""):
            await route.continue_()
            return
        posted["variables"]["id"] = other
        answer = await route.fetch(post_data=json.dumps(posted))
        told = json.loads(await answer.text())
        told["data"]["node"] |= {"id": asked, "type": "TOKEN_ROTATED"}
        await route.fulfill(response=answer, body=json.dumps(told))

    await console.signed_in("log")
    await page.route("**/graphql", proves_another)
    await console.open("log", event=asked)
    await console.settled()
    verdict = page.locator("main .state[role=status]")
    await expect(verdict).to_contain_text("NOT proved to be in the log")
    await expect(verdict).to_contain_text(f"it is {other}")
    await expect(page.locator(".steps > li.wrong")).to_have_count(1)


def _other_type(data: Any) -> None:
    data["node"]["type"] = "TOKEN_EXPIRED"


def _other_index(data: Any) -> None:
    data["node"]["logIndex"] += 1


def _other_origin(data: Any) -> None:
    data["inclusionProof"]["checkpoint"]["origin"] = "another.example/log"


async def test_what_is_wrong_is_told_in_its_words(console: Console, known: Known) -> None:
    page = console.page
    await console.signed_in("log")
    for tamper, told in (
        (_other_type, "not of the type that the server tells: it says TOKEN_ROTATED"),
        (_other_index, "of another place in the log"),
        (_other_origin, "The signed note is of another log"),
    ):
        await page.route("**/graphql", partial(_tampered, tamper))
        await console.open("log", event=known.event_id("TokenRotated"))
        await console.settled()
        await expect(page.locator("main .state[role=status]"), tamper.__name__).to_contain_text(told)
        await expect(page.locator(".steps > li.wrong"), tamper.__name__).to_have_count(1)
        await page.unroute("**/graphql")


async def test_a_key_that_has_not_signed_is_told(console: Console, known: Known) -> None:
    await console.signed_in("log", event=known.event_id("ReuseDetected"))
    signing = _signing_key(known)
    other = next(line for line in _verifier_keys(known) if line != signing)
    await console.page.get_by_label("The log's verifier key").fill(other)
    await expect(console.page.locator(".state.failure")).to_contain_text("this key has not signed it")


async def test_a_forged_signature_is_seen(console: Console, known: Known) -> None:
    page = console.page

    def forged(data: Any) -> None:
        checkpoint = data["inclusionProof"]["checkpoint"]
        text, _, signature = checkpoint["note"].rpartition(" ")
        flipped = ("B" if signature[20] == "A" else "A").join((signature[:20], signature[21:]))
        checkpoint["note"] = f"{text} {flipped}"

    await page.route("**/graphql", partial(_tampered, forged))
    await console.signed_in("log", event=known.event_id("TokenRotated"))
    await page.get_by_label("The log's verifier key").fill(_signing_key(known))
    await expect(page.locator(".state.failure")).to_contain_text("the signature is wrong")


async def _tampered(tamper: Callable[[Any], None], route: Route) -> None:
    """What is answered to the proof's query is changed on its way."""
    if "query Proof" not in (route.request.post_data or ""):
        await route.continue_()
        return
    answer = await route.fetch()
    told = json.loads(await answer.text())
    tamper(told["data"])
    await route.fulfill(response=answer, body=json.dumps(told))


async def test_the_page_climbs_every_tree_as_the_ledger_does(console: Console) -> None:
    """Small trees whole, and places beyond 32 bits."""
    chance = random.Random(7)  # noqa: S311 - the same each time
    places = [(index, size) for size in range(1, 34) for index in range(size)]
    places += [
        ((1 << 39) + 3, (1 << 40) + 5),
        ((1 << 33) - 1, 1 << 33),
        (0, (1 << 45) + 1),
        (1 << 32, (1 << 32) + 1),
    ]
    leaf = chance.randbytes(32)
    proofs = [
        {
            "index": index,
            "size": size,
            "hashes": [chance.randbytes(32).hex() for _ in inclusion_nodes(index, size)],
        }
        for index, size in places
    ]
    await console.open()
    roots = await console.page.evaluate(
        """async ([leaf, proofs]) => {
          const { climb, fromHex } = await import("/console/merkle.js");
          return Promise.all(proofs.map(async (proof) => (await climb(fromHex(leaf), proof)).root));
        }""",
        [leaf.hex(), proofs],
    )
    for (index, size), proof, root in zip(places, proofs, roots, strict=True):
        hashes = [bytes.fromhex(one) for one in proof["hashes"]]
        verify_inclusion(leaf, index=index, size=size, hashes=hashes, root=bytes.fromhex(root))
    refused = await console.page.evaluate(
        """async ([leaf, proofs]) => {
          const { climb, fromHex } = await import("/console/merkle.js");
          const told = (proof) => climb(fromHex(leaf), proof).then(() => "taken", ({ message }) => message);
          const { index, size, hashes } = proofs[20];
          return Promise.all([
            told({ index, size, hashes: hashes.slice(1) }),
            told({ index, size, hashes: [...hashes, ...hashes, ...hashes] }),
            told({ index, size, hashes: ["00", ...hashes.slice(1)] }),
            told({ index: size, size, hashes }),
          ]);
        }""",
        [leaf.hex(), proofs],
    )
    assert refused == [
        "the proof has too few hashes",
        "the proof has too many hashes",
        "a hash of the proof is not 32 bytes long",
        f"a tree of {places[20][1]} leaves has no leaf {places[20][1]}",
    ]
