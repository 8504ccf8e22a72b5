"""Documents and records for tests of the node: quick to make, the same in each run."""

import os
import shutil
from collections.abc import Set
from pathlib import Path
from typing import Any

from perdure_anchor.evidence import Evidence, encode_evidence, parse_evidence
from perdure_anchor.hashes import Hash32, sha256
from perdure_anchor.trust import TrustFile
from perdure_anchor.verdict import Grade, Verdict
from perdure_anchor.verify import Document, verify
from perdure_node.clock import Clock, Randomness
from perdure_node.documents import DocumentFacts
from perdure_node.evidence.anchors import anchors
from perdure_node.evidence.proving import Proof, disclosed_slots, prove
from perdure_node.evidence.proving_all import Prover, chunks, ranges
from perdure_node.imports.importing import Imported, ImportOptions, import_list
from perdure_node.intake import Details, add_document
from perdure_node.keys.keyring import KeyRing
from perdure_node.lists.rows import ListOptions
from perdure_node.log.sealing import seal
from perdure_node.progress import NO_PROGRESS, Progress
from perdure_node.records import Added, records_in_log
from perdure_node.selectors import parse_selector
from perdure_node.site_keys.registration import register_site
from perdure_node.syncing.sync import SyncResult, sync
from perdure_node.vault import Vault, open_vault
from tools.site_network import (
    PASSPHRASE,
    STOPPED,
    SiteNetwork,
    counted_bytes,
    found_network,
    new_vault,
    open_network,
)


def document(number: int) -> DocumentFacts:
    content = b"document %d" % number
    return DocumentFacts(sha256(content), len(content), f"{number}.txt", "text/plain")


def add_numbers(vault: Vault, *numbers: int, clock: Clock = STOPPED) -> list[Added]:
    """A record for each number's document."""
    return [
        add_document(
            vault,
            document(number),
            Details(document_type="letter"),
            clock=clock,
            randomness=counted_bytes(b"%d" % number),
        )
        for number in numbers
    ]


def keys_of(vault: Vault) -> KeyRing:
    return KeyRing(vault, lambda: PASSPHRASE)


def import_file(
    vault: Vault,
    path: Path,
    how: ListOptions | None = None,
    *,
    clock: Clock = STOPPED,
    randomness: Randomness = os.urandom,
    progress: Progress = NO_PROGRESS,
    **options: Any,
) -> Imported:
    """Import a list that lies in a file."""
    with path.open("rb") as stream:
        wanted = ImportOptions(how or ListOptions(), **options)
        return import_list(
            vault,
            stream,
            path.name,
            path.parent,
            wanted,
            clock=clock,
            randomness=randomness,
            progress=progress,
        )


def prove_all(vault: Vault, *, disclose: Set[str] = frozenset(), hide: Set[str] = frozenset()) -> list[Proof]:
    """Evidence of every anchored record."""
    prover, keys = Prover(vault, disclosed_slots(disclose, hide)), keys_of(vault)
    return [
        proof
        for wanted, anchor in ranges(vault)
        for chunk in chunks(vault, keys, wanted, anchor.size)
        for proof in prover.proofs(chunk)
    ]


def leaf_hashes(vault: Vault) -> list[Hash32]:
    """The log's leaf hashes by index."""
    return [record.leaf_hash for record in records_in_log(vault.database, 0, vault.log_size)]


def verdict_on(
    evidence: Evidence, trust: TrustFile, number: int | None = None, require: Grade = Grade.FINAL
) -> Verdict:
    """What a verifier says who gets the evidence as a file, maybe with the number's document."""
    facts = None if number is None else document(number)
    given = None if facts is None else Document(facts.sha256, facts.size)
    return verify(parse_evidence(encode_evidence(evidence)), trust, given, require=require)


class Site:
    """A vault with its network, as a test uses both."""

    def __init__(self, network: SiteNetwork, vault: Vault) -> None:
        self.network, self.vault = network, vault
        self.keys = KeyRing(vault, lambda: PASSPHRASE)

    def register(self) -> None:
        with self.network.anchor_chain() as chain:
            key = self.network.partner_private_key(self.vault.origin.partner)
            register_site(self.vault, chain, key, clock=self.network.clock)

    def sync(self, wait: float = 60.0) -> SyncResult:
        with self.network.anchor_chain(self.vault.trust) as chain:
            return sync(self.vault, chain, self.keys, clock=self.network.clock, wait=wait)

    def add(self, *numbers: int) -> list[Added]:
        return add_numbers(self.vault, *numbers, clock=self.network.clock)

    def seal(self) -> None:
        seal(self.vault, self.keys, self.network.clock)

    def verdict(self, number: int, require: Grade = Grade.FINAL) -> Verdict:
        """What evidence of the number's document shows."""
        proof = prove(self.vault, self.keys, parse_selector(document(number).sha256.hex()), require=require)
        return verdict_on(proof.evidence, self.vault.trust, number, require)

    def is_final(self, *numbers: int) -> bool:
        """Whether all the documents have final evidence with which nothing is wrong."""
        return all(self.verdict(number).ok for number in numbers)

    @property
    def sizes(self) -> list[int]:
        return [anchor.size for anchor in anchors(self.vault.database)]

    def sent(self) -> int:
        """How many transactions the relay has in the chain."""
        return self.network.client().transaction_count(self.vault.relay_address)


def copy_of(site: Site, folder: Path) -> Site:
    """The site as it is restored from a backup that is made now."""
    shutil.copytree(site.vault.folder, folder)
    return Site(site.network, open_vault(folder))


def stocked_folder(folder: Path, *waiting: int) -> Path:
    """A new folder ``site`` whose vault has four anchored records, and others that wait; its chain lies beside it."""
    found_network(folder / "chain")
    with (
        open_network(folder / "chain") as network,
        new_vault(folder / "chain", folder / "site" / ".perdure") as made,
    ):
        site = Site(network, made)
        site.register()
        for numbers in ((1, 2), (3, 4)):
            site.add(*numbers)
            site.sync()
        site.add(*waiting)
    return folder / "site"
