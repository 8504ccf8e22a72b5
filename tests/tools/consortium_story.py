"""Three partners with three keys in three folders found a consortium, admit a fourth and expel one: on whatever chain is given."""

from pathlib import Path

from perdure_anchor.checkpoint import parse_origin
from perdure_anchor.hashes import checksum_address, keccak256
from perdure_anchor.secp256k1 import address_from_private_key
from tools.partner_desk import PartnerDesk, carry

ORIGIN = parse_origin("acme/rotterdam")
OLD_KEY, NEW_KEY = keccak256(b"a site's key"), keccak256(b"the site's next key")
SITE_KEY = checksum_address(address_from_private_key(OLD_KEY))


class Founded:
    """The partners after founding, each with the trust file pinned, whose fingerprint they compared."""

    def __init__(self, folder: Path, url: str, keys: tuple[bytes, ...] | None = None) -> None:
        self.url = url
        names = ("acme", "globex", "initech", "umbrella")
        chosen = keys or (None,) * len(names)
        self.desks = tuple(
            PartnerDesk(folder, name, url, key) for name, key in zip(names, chosen, strict=False)
        )
        self.acme, self.globex, self.initech, self.umbrella = self.desks
        self.trust_file = self._found()

    def _found(self) -> Path:
        founders = [f"--partner={desk.name}={desk.account}" for desk in self.desks[:3]]
        self.line = self.acme.step("found", "--name", "Ports of the North", *founders)
        file = self.acme.folder / "consortium.json"
        for desk in self.desks:
            desk.pin(file)
        return file


def decide(founded: Founded) -> None:
    """Admit one partner by a majority, register sites, expel another, and see its sites frozen."""
    acme, globex, initech, umbrella = founded.desks
    proposed = acme.step("propose", "admit", "umbrella", umbrella.account)
    assert len(proposed["transactions"]) == 1
    (proposal,) = acme.show()["proposals"]
    assert (proposal["number"], proposal["state"], proposal["approved_by"]) == (1, "open", ["acme"])
    assert "is not that of a current partner" in umbrella.refused("approve", "1")
    assert "proposal 1 is open and says the same" in globex.refused(
        "propose", "admit", "umbrella", umbrella.account, code=1
    )
    assert "the partner acme approves proposal 1 already" in acme.refused("approve", "1")
    decided = globex.step("approve", "1")
    assert len(decided["transactions"]) == 2  # the vote decided, so it was carried out
    assert [partner["name"] for partner in umbrella.show()["partners"]] == [
        "acme",
        "globex",
        "initech",
        "umbrella",
    ]

    again = globex.refused("execute", "1")
    assert "proposal 1 is carried out already" in again
    assert "hint: nothing is left to be done" in again

    initech.step("register-site", "initech/harbour", SITE_KEY)
    umbrella.step("register-site", "umbrella/lab", SITE_KEY)
    assert "is not that of the partner initech" in globex.refused("revoke-key", "initech/harbour")

    umbrella.step("propose", "expel", "initech")
    acme.step("approve", "2")
    assert "2 votes of 4 partners" in acme.refused("execute", "2")
    globex.step("approve", "2")
    sites = {site["site"]: site for site in acme.show()["sites"]}
    assert sites["initech/harbour"]["frozen"]
    assert not sites["umbrella/lab"]["frozen"]
    assert "is not that of the partner" in initech.refused("revoke-key", "initech/harbour")


def carry_a_step(founded: Founded, offline: PartnerDesk, *words: str, file: str = "step.json") -> None:
    """A step is prepared at a desk with a network, signed at one without, and sent from the first."""
    online = founded.acme
    (prepared,) = online.json(*words, "--rpc", founded.url, "--account", offline.account, "--unsigned", file)
    assert prepared["block_number"] is None
    carry(file, online, offline)
    offline.json("sign", file, "--keystore", "key.json", "--output", "signed.json", "--yes")
    carry("signed.json", offline, online)
    (first,) = online.json("send", "signed.json", "--rpc", founded.url)
    (again,) = online.json("send", "signed.json", "--rpc", founded.url)
    assert first == again
    (online.folder / file).unlink()
    (online.folder / "signed.json").unlink()
    (offline.folder / "signed.json").unlink()


def address(key: bytes) -> str:
    """The account of a private key, as users write it."""
    return checksum_address(address_from_private_key(key))
