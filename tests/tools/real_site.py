"""A consortium and a site of it on a running chain that is not ours: deployed, pinned and registered through the client."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from perdure_anchor.hashes import Hash32
from perdure_anchor.trust import ContractPin, Epoch, Partner, PinnedSite, TrustFile
from perdure_anchor.trust_file import encode_trust_file
from perdure_anchor.verdict import Grade, Verdict
from perdure_contracts.artifacts import ContractName, load_artifact
from perdure_contracts.chain import ChainClient
from perdure_contracts.deploy import DeployedContract, FoundingPartner, deploy
from perdure_contracts.rpc import JsonRpc
from perdure_contracts.signer import LocalSigner
from perdure_contracts.transactions import Patience
from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.clock import Clock, system_clock
from perdure_node.evidence.anchors import StoredAnchor, anchors
from perdure_node.evidence.proving import prove
from perdure_node.records import Added
from perdure_node.selectors import parse_selector
from perdure_node.site_keys.registration import register_site
from perdure_node.syncing.sync import SyncResult, sync
from perdure_node.vault import NewVault, Vault, create_vault, replace_trust_file
from tools.site_desk import add_numbers, document, keys_of, verdict_on
from tools.site_network import CHEAP, ORIGIN, PASSPHRASE, counted_bytes

PATIENCE = Patience(seconds=60, pause=0.05)


@dataclass(frozen=True)
class RealAccounts:
    """Who pays: the partner deploys and registers, the relay anchors. Both have funds, or need none."""

    partner_private_key: bytes
    relay_private_key: bytes


def founded_trust(url: str, accounts: RealAccounts, epochs: Sequence[Epoch]) -> TrustFile:
    """Deploy both contracts, and write down what a verifier has to know of the chain."""
    with JsonRpc(url) as rpc:
        client = ChainClient(rpc)
        chain_id = client.chain_id()
        signer = LocalSigner(accounts.partner_private_key)
        founders = [FoundingPartner("acme", signer.address)]
        deployment = deploy(client, signer, founders, chain_id=chain_id, patience=PATIENCE)
        return TrustFile(
            name="a consortium on a real chain",
            version=1,
            predecessor=None,
            devnet=False,
            chain_id=chain_id,
            genesis_hash=client.fetch_block_hash(0),
            registry=_pin("AnchorRegistry", deployment.registry),
            consortium=_pin("Consortium", deployment.consortium),
            partners=(Partner("acme", signer.address),),
            sites=(),
            epochs=tuple(epochs),
        )


def _pin(name: ContractName, deployed: DeployedContract) -> ContractPin:
    return ContractPin(deployed.address, load_artifact(name).runtime_hash, deployed.block_number)


class RealSite:
    """A registered site and its vault; ``clock`` decides what happens on the chain while somebody waits."""

    def __init__(self, url: str, folder: Path, trust: TrustFile, accounts: RealAccounts) -> None:
        self.url = url
        self.clock = system_clock()
        new = NewVault(
            origin=ORIGIN,
            trust_raw=encode_trust_file(trust),
            rpc_url=url,
            passphrase=PASSPHRASE,
            relay_private_key=accounts.relay_private_key,
            kdf=CHEAP,
        )
        randomness = counted_bytes(b"a real site")
        self.vault: Vault = create_vault(folder, new, clock=self.clock, randomness=randomness)
        self.keys = keys_of(self.vault)
        with self.chain() as chain:
            register_site(self.vault, chain, accounts.partner_private_key, clock=self.clock)

    def chain(self) -> AnchorChain:
        return AnchorChain(ChainClient(JsonRpc(self.url)), self.vault.trust)

    def pin_key(self) -> None:
        """Publish a trust file that knows the site's key from elsewhere than the chain."""
        trust = self.vault.trust
        pinned = PinnedSite(self.vault.origin, (self.vault.site_address,))
        replace_trust_file(self.vault, encode_trust_file(replace(trust, sites=(pinned,))))

    def add(self, *numbers: int) -> list[Added]:
        return add_numbers(self.vault, *numbers, clock=self.clock)

    def sync(self, wait: float = 60.0, clock: Clock | None = None) -> SyncResult:
        with self.chain() as chain:
            return sync(self.vault, chain, self.keys, clock=clock or self.clock, wait=wait)

    def verdict(self, number: int, require: Grade) -> Verdict:
        """What evidence of the number's document shows to a verifier with the vault's trust file."""
        selector = parse_selector(document(number).sha256.hex())
        proof = prove(self.vault, self.keys, selector, require=require)
        return verdict_on(proof.evidence, self.vault.trust, number, require)

    @property
    def anchors(self) -> list[StoredAnchor]:
        return list(anchors(self.vault.database))

    @property
    def anchored_size(self) -> int:
        """How large the registry knows the log to be."""
        with self.chain() as chain:
            return chain.registry.head(self.vault.origin.site).size

    def sent(self) -> list[tuple[Hash32, str | None]]:
        """The relay's transactions as the vault remembers them: hash, and how it ended."""
        rows = self.vault.database.rows(
            "SELECT hash, outcome FROM relay_transaction ORDER BY nonce, stored_at"
        )
        return [(Hash32(name), outcome) for name, outcome in rows]
