"""The two contracts on an EVM in memory, with three partners, and a site's log and keys to play with.

Signatures are made by eth-account from the EIP-712 types, so that the digests are checked by somebody else's encoder.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from eth_account import Account
from eth_account.messages import encode_typed_data
from perdure_anchor.hashes import Address, Hash32, keccak256, sha256
from perdure_anchor.log import MemoryLog, append_proof
from perdure_contracts.artifacts import load_artifact
from tools.evm_chain import Contract, EvmChain, Outcome

PARTNERS = ("acme", "globex", "initech")

CHECKPOINT_TYPE = {
    "Checkpoint": [
        {"name": "site", "type": "bytes32"},
        {"name": "size", "type": "uint64"},
        {"name": "root", "type": "bytes32"},
        {"name": "sealedAt", "type": "uint64"},
    ]
}
KEY_ROTATION_TYPE = {
    "KeyRotation": [
        {"name": "site", "type": "bytes32"},
        {"name": "newKey", "type": "address"},
        {"name": "gracePeriod", "type": "uint64"},
        {"name": "nonce", "type": "uint64"},
    ]
}


def account(name: str) -> Address:
    """The account that plays somebody."""
    return Address(keccak256(name.encode())[12:])


def partner_id(name: str) -> Hash32:
    return keccak256(name.encode())


STRANGER = account("a stranger")


@dataclass(frozen=True, slots=True)
class Key:
    """A signing key, known by a nickname."""

    nickname: str

    @property
    def private(self) -> bytes:
        return sha256(self.nickname.encode())

    @property
    def address(self) -> Address:
        return Address(bytes.fromhex(Account.from_key(self.private).address[2:]))


KEY, NEW_KEY, OTHER_KEY = Key("first key"), Key("second key"), Key("another key")


def make_log(size: int, seed: str = "leaf") -> MemoryLog:
    """A log of leaves that differ from each other, and from another seed's."""
    return MemoryLog(sha256(f"{seed} {index}".encode()) for index in range(size))


@dataclass(frozen=True, slots=True)
class Checkpoint:
    site: bytes
    size: int
    root: bytes
    sealed_at: int = 1_699_999_999

    @property
    def fields(self) -> tuple[bytes, int, bytes, int]:
        return (self.site, self.size, self.root, self.sealed_at)


@dataclass(frozen=True, slots=True)
class Founded:
    """A consortium and its registry, deployed."""

    chain: EvmChain
    consortium: Contract
    registry: Contract
    log: MemoryLog = field(default_factory=lambda: make_log(64))

    def register(self, origin: str = "acme/rotterdam", key: Key = KEY) -> bytes:
        partner, name = origin.split("/")
        return self.registry.send(account(partner), "registerSite", partner, name, key.address).value

    def checkpoint(self, site: bytes, size: int, log: MemoryLog | None = None) -> Checkpoint:
        return Checkpoint(site, size, (log or self.log).root(size))

    def anchor(
        self,
        checkpoint: Checkpoint,
        key: Key = KEY,
        *,
        log: MemoryLog | None = None,
        proof: Any = None,
        signature: bytes | None = None,
        sender: Address = STRANGER,
    ) -> Outcome:
        """Submit a checkpoint, by default with the proof and the signature that it needs."""
        if proof is None:
            head = self.head(checkpoint.site)[0]
            node_at = (log or self.log).node_at
            proof = append_proof(node_at, head, checkpoint.size) if head < checkpoint.size else ()
        if signature is None:
            signature = self.signed(checkpoint, key)
        return self.registry.send(sender, "anchor", checkpoint.fields, proof, signature)

    def anchor_size(self, site: bytes, size: int, key: Key = KEY) -> Outcome:
        return self.anchor(self.checkpoint(site, size), key)

    def head(self, site: bytes) -> tuple[int, bytes]:
        return self.registry.read("headOf", site)

    def signed(self, checkpoint: Checkpoint, key: Key, **domain: Any) -> bytes:
        message = dict(zip(("site", "size", "root", "sealedAt"), checkpoint.fields, strict=True))
        return self._typed_signature(CHECKPOINT_TYPE, message, key, domain)

    def signed_rotation(
        self, site: bytes, new_key: Address, grace: int, nonce: int, key: Key, **domain: Any
    ) -> bytes:
        message = {"site": site, "newKey": "0x" + new_key.hex(), "gracePeriod": grace, "nonce": nonce}
        return self._typed_signature(KEY_ROTATION_TYPE, message, key, domain)

    def decide(self, function: str, *arguments: Any, names: tuple[str, ...] = PARTNERS) -> Outcome:
        """Propose something as the first of the partners named, approve it as the others, and carry it out."""
        first, *others = (account(name) for name in names)
        proposal = self.consortium.send(first, function, *arguments).value
        for voter in others:
            self.consortium.send(voter, "approve", proposal)
        return self.consortium.send(first, "execute", proposal)

    def expel(self, name: str) -> None:
        self.decide("proposeExpulsion", partner_id(name), names=tuple(p for p in PARTNERS if p != name))

    def on_other_registry(self) -> "Founded":
        """The same consortium with a second registry, on the same chain."""
        artifact = load_artifact("AnchorRegistry")
        return replace(self, registry=self.chain.deploy(artifact, STRANGER, self.consortium.address))

    def _typed_signature(
        self, types: dict[str, Any], message: dict[str, Any], key: Key, overrides: dict[str, Any]
    ) -> bytes:
        domain = {
            "name": "Perdure",
            "version": "1",
            "chainId": self.chain.chain_id,
            "verifyingContract": "0x" + self.registry.address.hex(),
        }
        signable = encode_typed_data(domain | overrides, types, message)
        return bytes(Account.sign_message(signable, key.private).signature)


def found(*names: str, chain_id: int = 1337) -> Founded:
    """Deploy both contracts, with these partners or else acme, globex and initech."""
    chain = EvmChain(chain_id)
    founders = names or PARTNERS
    accounts = [account(name) for name in founders]
    consortium = chain.deploy(load_artifact("Consortium"), STRANGER, founders, accounts)
    registry = chain.deploy(load_artifact("AnchorRegistry"), STRANGER, consortium.address)
    return Founded(chain, consortium, registry)
