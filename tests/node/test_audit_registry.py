"""`perdure audit` and the registry: what nodes say of it, what of that is shown, and what is only their word."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from perdure_anchor.audit_report import encode_report, parse_report
from perdure_anchor.checkpoint import Checkpoint, checkpoint_digest
from perdure_anchor.hashes import Address, Hash32
from perdure_contracts.abi import contract_abi
from perdure_contracts.registry import AnchorStatus
from perdure_contracts.signer import LocalSigner
from perdure_contracts.transactions import ContractCall, Patience, transact
from perdure_node.audit.auditing import AuditOptions, audit
from perdure_node.audit.registry_answers import Ask, by_chain
from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.log.site_log import newest_checkpoint
from tools.audits import audited, check_of, damage_tile, examples, kinds
from tools.site_desk import Site, copy_of
from tools.site_network import Fault, Message, unreachable


def chain_of(site: Site) -> Callable[[], AnchorChain]:
    return lambda: site.network.anchor_chain(site.vault.trust)


def node(site: Site) -> Ask:
    return by_chain(chain_of(site))


def lying(site: Site, **faults: Fault) -> Ask:
    """A node that says something else, each time that it is asked."""
    network = replace(site.network, faults=faults)
    return by_chain(lambda: network.anchor_chain(site.vault.trust))


@pytest.fixture
def anchored(site: Site) -> Site:
    """Records 1 and 2 are anchored."""
    site.add(1, 2)
    site.sync()
    return site


@pytest.fixture
def older(anchored: Site, tmp_path: Path) -> Iterator[Site]:
    """The vault as it was restored from a backup with two records; the other one has gone on to five."""
    copy = copy_of(anchored, tmp_path / "older")
    anchored.add(3, 4)
    anchored.sync()
    anchored.add(5)
    anchored.sync()
    yield copy
    copy.vault.close()


def test_a_registry_that_agrees(anchored: Site) -> None:
    anchored.add(3)
    anchored.sync()
    done = audited(anchored, nodes=[node(anchored)])
    assert (kinds(done.report), done.could_not) == (set(), False)
    state, why = check_of(done.report, "registry")
    assert state == "done"
    assert "that 3 records are anchored is shown by the seals of block" in (why or "")
    assert "that no more are, and the keys, is its word" in (why or "")
    # nothing was stored or sent, and the report is one like others
    assert parse_report(encode_report(done.report)) == done.report


def test_an_audit_asks_and_stores_nothing(anchored: Site) -> None:
    before = list(anchored.vault.database.rows("SELECT * FROM hop")), anchored.sent()
    anchored.network.calls.clear()
    audited(anchored, nodes=[node(anchored)])
    assert "eth_sendRawTransaction" not in anchored.network.calls
    assert (list(anchored.vault.database.rows("SELECT * FROM hop")), anchored.sent()) == before


def test_an_anchor_that_is_not_at_home_is_fetched_as_proof(anchored: Site) -> None:
    anchored.vault.database.execute("DELETE FROM anchor")
    done = audited(anchored, nodes=[node(anchored)])
    assert kinds(done.report) == {"not_anchored"}
    assert "that 2 records are anchored is shown by" in (check_of(done.report, "registry")[1] or "")


def test_a_registry_that_is_ahead_of_an_old_backup(older: Site) -> None:
    report = audited(older, nodes=[node(older)]).report
    assert kinds(report) == {"registry_ahead"}
    (example,) = examples(report, "registry_ahead")
    assert example.startswith(
        "the registry has a log of 5 records, this vault's has 2, as the seals of block "
    )
    assert report.count_of("error") == 1


def test_an_old_backup_that_went_on_contradicts_the_registry(older: Site) -> None:
    """It has sealed three records of its own, where the registry has others."""
    older.add(11, 12, 13)
    older.seal()
    report = audited(older, nodes=[node(older)]).report
    assert kinds(report) == {"registry_rival", "not_anchored"}
    assert "the first 5 records have the root" in examples(report, "registry_rival")[0]
    assert report.count_of("error") == 1


def test_one_that_went_on_less_is_behind_and_contradicts_where_that_can_be_seen(older: Site) -> None:
    older.add(11)
    older.seal()
    # the registry has logs of 2, 4 and 5: of 3 records nothing can be seen
    assert kinds(audited(older, nodes=[node(older)]).report) == {"registry_ahead", "not_anchored"}
    older.add(12)
    older.seal()
    report = audited(older, nodes=[node(older)]).report
    assert kinds(report) == {"registry_ahead", "registry_rival", "not_anchored"}
    assert "the first 4 records" in examples(report, "registry_rival")[0]


def test_what_the_pinned_validators_did_not_seal_is_a_nodes_word(older: Site) -> None:
    trust = older.vault.trust
    strangers = tuple(Address(bytes((number,)) * 20) for number in range(1, 5))
    older.vault.trust = replace(trust, epochs=(replace(trust.epochs[0], validators=strangers),))
    done = audited(older, nodes=[node(older)])
    assert "registry_doubted" in kinds(done.report)
    assert not {"registry_ahead", "registry_rival"} & kinds(done.report)
    assert done.could_not
    state, why = check_of(done.report, "the registry's log")
    assert (state, "nothing shows it" in (why or "")) == ("could not", True)


# --- nodes that are away


def test_a_node_that_is_down_is_told_and_never_passed_over(anchored: Site) -> None:
    done = audited(anchored, nodes=[lying(anchored, eth_chainId=unreachable)])
    assert kinds(done.report) == {"registry_not_asked"}
    assert done.report.count_of("error") == 0
    state, why = check_of(done.report, "registry")
    assert (state, "cannot reach http://127.0.0.1:1" in (why or "")) == ("could not", True)
    # by itself a note; where the registry is needed, something that could not be found out
    assert not done.could_not
    assert audited(anchored, nodes=[lying(anchored, eth_chainId=unreachable)], need_registry=True).could_not


def test_no_connection_at_all(anchored: Site) -> None:
    def connect() -> AnchorChain:
        raise ConnectionError("no route")

    done = audited(anchored, nodes=[by_chain(connect)])
    assert (kinds(done.report), check_of(done.report, "registry")) == (
        {"registry_not_asked"},
        ("could not", "no route"),
    )


def test_a_node_that_goes_away_in_the_middle(anchored: Site) -> None:
    done = audited(anchored, nodes=[lying(anchored, eth_call=from_call(2, unreachable))])
    assert kinds(done.report) == {"registry_not_asked"}


def from_call(number: int, fault: Fault) -> Fault:
    """The fault from this call on."""
    calls = [0]

    def faulty(request: Message, ask: Callable[[], Message]) -> Message:
        calls[0] += 1
        return ask() if calls[0] < number else fault(request, ask)

    return faulty


def test_another_node_answers_in_its_place(older: Site) -> None:
    done = audited(older, nodes=[lying(older, eth_chainId=unreachable), node(older)], need_registry=True)
    assert kinds(done.report) == {"registry_ahead"}
    assert not done.could_not
    assert "cannot reach" in (check_of(done.report, "registry")[1] or "")


def test_another_chain_is_told(anchored: Site) -> None:
    done = audited(anchored, nodes=[lying(anchored, eth_chainId=result("0x1"))])
    assert kinds(done.report) == {"node_elsewhere", "registry_not_asked"}


# --- nodes that lie


def result(value: Any) -> Fault:
    return lambda request, _ask: {"jsonrpc": "2.0", "id": request["id"], "result": value}


def told(view: str, words: Callable[[str], str]) -> Fault:
    """A lie about what a view of the registry returns: ``words`` makes other hexadecimal digits of the true ones."""
    selector = contract_abi("AnchorRegistry").encode_call(view, bytes(32)).hex()[:8]

    def fault(request: Message, ask: Callable[[], Message]) -> Message:
        reply = ask()
        call = request["params"][0]
        if (call.get("data") or call["input"])[2:10] == selector:
            reply["result"] = "0x" + words(reply["result"][2:])
        return reply

    return fault


def word(value: int) -> str:
    return f"{value:064x}"


@pytest.mark.parametrize(
    ("head", "says"),
    [
        (lambda truth: word(9) + "ab" * 32, "a log of 9 records, this vault's has 3"),
        (lambda truth: word(2) + "ab" * 32, f"the first 2 records have the root {'ab' * 32} in the registry"),
        (lambda truth: word(3) + "ab" * 32, f"the first 3 records have the root {'ab' * 32} in the registry"),
        (lambda truth: word(2**64 - 1) + "00" * 32, f"a log of {2**64 - 1} records"),
    ],
)
def test_a_head_that_was_made_up_is_doubted(anchored: Site, head: Callable[[str], str], says: str) -> None:
    anchored.add(3)
    anchored.sync()
    done = audited(anchored, nodes=[lying(anchored, eth_call=told("headOf", head))])
    assert "registry_doubted" in kinds(done.report)
    assert says in examples(done.report, "registry_doubted")[0]
    assert done.report.count_of("error") == 0
    assert done.could_not
    # an honest node beside it shows what is so, and does not make the lie true
    done = audited(
        anchored, nodes=[lying(anchored, eth_call=told("headOf", head)), node(anchored)], need_registry=True
    )
    assert "registry_doubted" in kinds(done.report)
    assert done.report.count_of("error") == 0


def test_a_registry_that_is_said_to_be_empty_is_doubted(anchored: Site) -> None:
    """The anchor at home is of a block that the node has seen."""
    done = audited(anchored, nodes=[lying(anchored, eth_call=told("headOf", lambda _: word(0) + word(0)))])
    assert kinds(done.report) == {"registry_doubted"}
    assert "the newest log has 0 records at block" in examples(done.report, "registry_doubted")[0]
    assert done.could_not


def test_what_many_nodes_say_fits_into_the_report(anchored: Site) -> None:
    done = audited(anchored, nodes=[node(anchored)] * 20)
    assert parse_report(encode_report(done.report)) == done.report


def test_an_event_that_was_made_up_for_the_head_is_doubted(anchored: Site) -> None:
    """The node has an event for its lie, and says in which block it is; the receipts that were sealed do not have it."""
    root = "ab" * 32
    forged = Checkpoint(anchored.vault.origin.site, 9, Hash32(bytes.fromhex(root)), 1)
    digest = checkpoint_digest(anchored.vault.trust.domain, forged)

    def events(request: Message, ask: Callable[[], Message]) -> Message:
        wanted = request["params"][0]["topics"]
        request["params"][0]["topics"] = wanted[:2]
        reply = ask()
        for event in reply["result"]:
            event["topics"] = [*event["topics"][:2], "0x" + word(9), "0x" + root]
            event["data"] = "0x" + word(2) + word(1) + event["data"][2 + 128 : 2 + 192] + digest.hex()
        return reply

    def views(request: Message, ask: Callable[[], Message]) -> Message:
        return told("anchorOf", lambda _: word(1) + word(8) + word(1))(
            request, lambda: told("headOf", lambda _: word(9) + root)(request, ask)
        )

    done = audited(anchored, nodes=[lying(anchored, eth_getLogs=events, eth_call=views)])
    assert "registry_doubted" in kinds(done.report), check_of(done.report, "registry")
    assert done.report.count_of("error") == 0
    assert done.could_not


def test_a_node_that_hides_what_is_new_is_found_out_by_another(older: Site) -> None:
    """An old head contradicts nothing here; that no newer log is anchored is said to be the node's word."""
    old = lambda: lying(older, eth_call=told("headOf", lambda _: old_head(older)))  # noqa: E731
    done = audited(older, nodes=[old()])
    assert kinds(done.report) == set()
    assert "that no more are, and the keys, is its word" in (check_of(done.report, "registry")[1] or "")
    done = audited(older, nodes=[old(), node(older)])
    assert kinds(done.report) == {"registry_ahead", "nodes_disagree"}
    assert "knows a log of 2 records" in examples(done.report, "nodes_disagree")[0]


def old_head(site: Site) -> str:
    stored = newest_checkpoint(site.vault)
    assert stored is not None
    return word(stored.size) + stored.checkpoint.root.hex()


def test_anchors_that_the_registry_does_not_know(anchored: Site) -> None:
    """As after a chain was replaced: by the node's word, which is all that there is."""

    def without() -> AnchorChain:
        chain = chain_of(anchored)()
        chain.registry.anchor_statuses = lambda digests: [None] * len(digests)  # type: ignore[method-assign]
        return chain

    def later() -> AnchorChain:
        chain = chain_of(anchored)()
        chain.registry.anchor_statuses = lambda digests: [  # type: ignore[method-assign]
            AnchorStatus(Address(bytes(20)), 10**6, 1) for _ in digests
        ]
        return chain

    for lack in (without, later):
        report = audited(anchored, nodes=[by_chain(lack)]).report
        assert kinds(report) == {"registry_lacks_anchor"}
        assert examples(report, "registry_lacks_anchor")[0].startswith("the checkpoint of 2, by the word of ")
        # another node has it: then the first one is wrong
        assert kinds(audited(anchored, nodes=[by_chain(lack), node(anchored)]).report) == {"nodes_disagree"}


def test_a_node_that_is_behind_lacks_nothing(anchored: Site) -> None:
    """It cannot know an anchor of a block that it has not seen."""
    behind = lying(anchored, eth_blockNumber=result("0x6"))
    anchored.vault.database.execute("UPDATE anchor SET block_number = 100")
    assert "registry_lacks_anchor" not in kinds(audited(anchored, nodes=[behind]).report)


# --- the site's keys


def partner_transacts(site: Site, call: Callable[[AnchorChain], ContractCall]) -> None:
    with chain_of(site)() as chain:
        signer = LocalSigner(site.network.partner_private_key())
        clock = site.network.clock
        patience = Patience(sleep=clock.sleep, clock=clock.monotonic)
        transact(chain.client, signer, call(chain), chain_id=chain.trust.chain_id, patience=patience)


def test_a_key_that_the_partner_replaced(anchored: Site) -> None:
    site = anchored.vault.origin.site
    partner_transacts(anchored, lambda chain: chain.registry.rotate_key_call(site, Address(b"\x11" * 20), 0))
    report = audited(anchored, nodes=[node(anchored)]).report
    assert kinds(report) == {"site_key_replaced", "site_key_news"}
    assert examples(report, "site_key_replaced")[0].startswith("the registry names 0x1111")


def test_a_key_that_was_revoked_and_is_not_known_to_be(anchored: Site) -> None:
    site = anchored.vault.origin.site
    partner_transacts(anchored, lambda chain: chain.registry.revoke_key_call(site))
    assert kinds(audited(anchored).report) == set()
    assert kinds(audited(anchored, nodes=[node(anchored)]).report) == {"site_key_revoked", "site_key_news"}


def test_a_key_that_the_registry_has_not_heard_of(anchored: Site) -> None:
    anchored.vault.database.execute(
        "INSERT INTO site_key (number, address, made_at) VALUES (9, ?, 1)", b"\x11" * 20
    )
    done = audit(anchored.vault, None, AuditOptions(nodes=[node(anchored)]), clock=anchored.network.clock)
    assert kinds(done.report) == {"site_key_unknown"}


def test_a_site_that_is_not_registered(anchored: Site) -> None:
    done = audited(anchored, nodes=[lying(anchored, eth_call=told("siteOf", lambda truth: "0" * len(truth)))])
    assert kinds(done.report) == {"site_key_unknown"}
    assert "does not know acme/rotterdam, by the word of" in examples(done.report, "site_key_unknown")[0]


def test_nodes_that_name_different_keys(anchored: Site) -> None:
    liar = lying(anchored, eth_call=told("siteOf", lambda truth: truth[:64] + word(17) + truth[128:]))
    report = audited(anchored, nodes=[node(anchored), liar]).report
    assert kinds(report) == {"site_key_replaced", "nodes_disagree"}


def test_a_log_that_was_closed(anchored: Site, tmp_path: Path) -> None:
    with anchored.network.vault(tmp_path / "successor", "acme/antwerp") as other:
        Site(anchored.network, other).register()
        successor = other.origin.site
    partner_transacts(
        anchored, lambda chain: chain.registry.succeed_call(anchored.vault.origin.site, successor)
    )
    report = audited(anchored, nodes=[node(anchored)]).report
    assert "log_closed" in kinds(report)
    assert successor.hex() in examples(report, "log_closed")[0]


# --- vaults that are not whole


def test_a_damaged_log_is_no_rival(anchored: Site) -> None:
    damage_tile(anchored.vault.database)
    report = audited(anchored, nodes=[node(anchored)]).report
    assert "log_damaged" in kinds(report)
    assert "registry_rival" not in kinds(report)


def test_an_empty_vault_of_a_site_that_has_records(older: Site, tmp_path: Path) -> None:
    for table in ("anchor", "entry", "queue", "checkpoint", "tile"):
        older.vault.database.execute("PRAGMA foreign_keys=OFF")
        older.vault.database.execute(f"DELETE FROM {table}")
    assert "registry_ahead" in kinds(audited(older, nodes=[node(older)]).report)
