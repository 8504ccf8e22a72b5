"""Relaying for many sites: each round sends what the registry would take now, several transactions at once, and waits for blocks.

A transaction is stored before it is sent, and the same bytes are sent again until its nonce is used up: so this can be killed at any
moment and begun again. What the registry would refuse is set aside with its reason, and the rest goes on.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from perdure_anchor.hashes import Hash32, to_hex
from perdure_anchor.log import append_proof, root_at
from perdure_contracts.consortium import ConsortiumContract
from perdure_contracts.fees import choose_fee
from perdure_contracts.refused import SendFault, SendRefused
from perdure_contracts.signer import Signer
from perdure_contracts.transactions import ContractCall, TransactionNotMined, check_chain_id, sign_call

from perdure_node.anchor_chain import AnchorChain
from perdure_node.gateway.checkpoints import (
    GatewayCheckpoint,
    State,
    checkpoints_of,
    close_rotation,
    set_state,
    stored_proof,
    waiting_leaves,
    waiting_rotations,
)
from perdure_node.gateway.folder import Gateway
from perdure_node.gateway.planning import SitePlan, Standing, plan_site
from perdure_node.gateway.sites import (
    KnownSite,
    extended_mirror,
    mirror_nodes,
    nodes_with,
    site_by_number,
    store_mirror,
)
from perdure_node.gateway.transactions import (
    GatewayTransaction,
    close_transactions,
    open_transactions,
    store_transactions,
)
from perdure_node.relay_transactions import Outcome
from perdure_node.stored_lists import split_hashes
from perdure_node.submission import GIVEN_UP, RESEND_AFTER
from perdure_node.waiting import Waiting

# how often a checkpoint is sent anew in one run, after its transaction came to nothing
ROUNDS = 4
# an anchor takes 150,000 units of gas at 10^6 leaves, and about 1,500 more for each hash of its proof; a gas limit that is not used
# costs nothing, and asking the node for each anchor would take longer than all the rest
_ANCHOR_GAS, _GAS_A_HASH, _ROTATION_GAS = 250_000, 3_000, 200_000
_HASH_SIZE = 32


@dataclass(frozen=True, slots=True)
class _Call:
    """What one transaction will carry."""

    call: ContractCall
    gas: int
    checkpoint: GatewayCheckpoint | None
    rotation: int | None


class Relay:
    """One run over everything that waits at a gateway; to be used by whoever holds the gateway's lock."""

    def __init__(self, gateway: Gateway, chain: AnchorChain, signer: Signer, waiting: Waiting) -> None:
        self._gateway, self._chain, self._signer, self._waiting = gateway, chain, signer, waiting
        self._database = gateway.database

    def run(self) -> None:
        """Send what waits until nothing is left to send.

        Raises `TransactionNotMined` if the time is over before, `SendRefused` if the node takes nothing from the relay's account, and
        what the chain client raises; the next run goes on.
        """
        check_chain_id(self._chain.client, self._chain.trust.chain_id)
        refusal = self._follow()
        for _ in range(ROUNDS):
            self._learn()
            calls = self._calls()
            if not calls:
                return
            self._sign(calls)
            refusal = self._follow()
        raise refusal or TransactionNotMined(
            f"{len(calls)} transactions came to nothing in {ROUNDS} rounds",
            hint="give the gateway a relay account of its own; the next delivery tries again",
        )

    # what the registry has

    def _learn(self) -> None:
        """Note which checkpoints the registry has, and which are in the past of a longer log."""
        waiting = {site.number: (site, found) for site, found in self._waiting_sites()}
        found = [each for _, checkpoints in waiting.values() for each in checkpoints]
        statuses = self._chain.registry.anchor_statuses([each.digest for each in found])
        anchored = [each for each, status in zip(found, statuses, strict=True) if status is not None]
        for checkpoint in sorted(anchored, key=lambda each: each.size):
            self._note_anchored(checkpoint)
        sites = [site for site, _ in waiting.values()]
        heads = self._chain.registry.heads([site.origin.site for site in sites])
        for site, head in zip(sites, heads, strict=True):
            self._sort_out(site_by_number(self._database, site.number), head.size)

    def _note_anchored(self, checkpoint: GatewayCheckpoint) -> None:
        site = site_by_number(self._database, checkpoint.site)
        tiles = self._tiles_up_to(site, checkpoint)
        with self._database.transaction():
            set_state(self._database, checkpoint.digest, State.ANCHORED)
            if tiles is not None:
                store_mirror(self._database, site, tiles, checkpoint.size)
                self._database.execute(
                    "DELETE FROM waiting_leaves WHERE digest IN (SELECT digest FROM checkpoint WHERE site = ? AND size <= ?)",
                    site.number,
                    checkpoint.size,
                )

    def _tiles_up_to(
        self, site: KnownSite, checkpoint: GatewayCheckpoint
    ) -> dict[tuple[int, int], bytes] | None:
        """The mirror's new tiles, by the leaf hashes that came with the checkpoint; None where they do not reach back so far."""
        found = waiting_leaves(self._database, checkpoint.digest)
        if found is None or not found[0] <= site.mirrored < checkpoint.size:
            return None
        begin, octets = found
        tiles = extended_mirror(
            self._database, site, split_hashes(octets[(site.mirrored - begin) * _HASH_SIZE :])
        )
        root = root_at(nodes_with(self._database, site, tiles).at(checkpoint.size), checkpoint.size)
        return tiles if root == checkpoint.stored.checkpoint.root else None

    def _sort_out(self, site: KnownSite, head_size: int) -> None:
        """Checkpoints that the registry cannot take any more, since its log is as long: in its past, or rivals."""
        late = [
            each for each in checkpoints_of(self._database, site, State.WAITING) if each.size <= head_size
        ]
        if not late:
            return
        nodes = mirror_nodes(self._database, site)
        with self._database.transaction():
            for each in late:
                if each.size <= site.mirrored and root_at(nodes, each.size) == each.stored.checkpoint.root:
                    set_state(self._database, each.digest, State.COVERED)
                else:
                    reason = f"the registry has {head_size} records of the site, under another checkpoint"
                    set_state(self._database, each.digest, State.ASIDE, reason)

    # what to send

    def _waiting_sites(self) -> list[tuple[KnownSite, list[GatewayCheckpoint]]]:
        """The sites of which something waits and nothing is on its way."""
        under_way = {
            row[0]
            for row in self._database.rows(
                "SELECT coalesce(checkpoint.site, rotation.site) FROM relay_transaction AS t "
                "LEFT JOIN checkpoint ON checkpoint.digest = t.digest LEFT JOIN rotation ON rotation.number = t.rotation "
                "WHERE t.outcome IS NULL"
            )
        }
        rows = self._database.rows(
            "SELECT site FROM checkpoint WHERE state = 'waiting' UNION SELECT site FROM rotation WHERE state = 'waiting'"
        )
        sites = [site_by_number(self._database, number) for (number,) in rows if number not in under_way]
        return [(site, checkpoints_of(self._database, site, State.WAITING)) for site in sites]

    def _calls(self) -> list[_Call]:
        waiting = self._waiting_sites()
        calls: list[_Call] = []
        for (site, checkpoints), standing in zip(
            waiting, self._standings([site for site, _ in waiting]), strict=True
        ):
            plan = plan_site(
                self._gateway.trust.domain,
                standing,
                checkpoints,
                waiting_rotations(self._database, site),
                self._find_proof,
            )
            self._note(plan)
            calls += self._calls_of(site, plan)
        return calls

    def _standings(self, sites: Sequence[KnownSite]) -> list[Standing]:
        if not sites:
            return []
        registry, trust = self._chain.registry, self._chain.trust
        names = [site.origin.site for site in sites]
        heads, states = registry.heads(names), registry.sites(names)
        partners = sorted({state.partner for state in states if state is not None})
        accounts = ConsortiumContract(self._chain.client, trust.consortium.address).accounts_of(partners)
        active = {partner for partner, account in zip(partners, accounts, strict=True) if account is not None}
        now = self._chain.client.fetch_header(self._chain.client.head_number()).timestamp
        return [
            Standing(head, state, state is not None and state.partner in active, now)
            for head, state in zip(heads, states, strict=True)
        ]

    def _find_proof(self, checkpoint: GatewayCheckpoint, old_size: int) -> tuple[Hash32, ...] | None:
        """The proof that came with the bundle, or one from the mirror and the leaf hashes that wait."""
        carried = stored_proof(self._database, checkpoint.digest, old_size)
        if carried is not None:
            return carried
        site = site_by_number(self._database, checkpoint.site)
        tiles = self._tiles_up_to(site, checkpoint)
        if tiles is None:
            return None
        nodes = nodes_with(self._database, site, tiles).at(checkpoint.size)
        return append_proof(nodes, old_size, checkpoint.size)

    def _note(self, plan: SitePlan) -> None:
        with self._database.transaction():
            for digest, reason in plan.aside:
                set_state(self._database, digest, State.ASIDE, reason)
            for number in plan.rotations_done:
                close_rotation(self._database, number, done=True)
            for number, reason in plan.rotations_aside:
                close_rotation(self._database, number, done=False, reason=reason)

    def _calls_of(self, site: KnownSite, plan: SitePlan) -> Iterator[_Call]:
        registry = self._chain.registry
        for each in plan.rotations:
            rotation = each.signed.rotation
            call = registry.rotate_key_call(
                site.origin.site, rotation.new_key, rotation.grace_period, each.signed.signature
            )
            yield _Call(call, _ROTATION_GAS, None, each.number)
        if plan.checkpoint is not None:
            stored = plan.checkpoint.stored
            call = registry.anchor_call(stored.checkpoint, plan.proof, stored.signature)
            yield _Call(call, _ANCHOR_GAS + _GAS_A_HASH * len(plan.proof), plan.checkpoint, None)

    # sending

    def _sign(self, calls: Sequence[_Call]) -> None:
        """Sign with the account's next free nonces, and store."""
        fee, chain_id = choose_fee(self._chain.client), self._chain.trust.chain_id
        now, nonces = int(self._waiting.clock.now()), self._free_nonces()
        signed = []
        for each in calls:
            transaction = sign_call(
                self._signer, each.call, chain_id=chain_id, nonce=next(nonces), gas=each.gas, fee=fee
            )
            digest = None if each.checkpoint is None else each.checkpoint.digest
            signed.append(
                GatewayTransaction(
                    digest, each.rotation, transaction.nonce, transaction.hash, transaction.raw, now
                )
            )
        store_transactions(self._database, signed)

    def _free_nonces(self) -> Iterator[int]:
        client, account = self._chain.client, self._signer.address
        taken = {each.nonce for each in open_transactions(self._database)}
        # without ours, what is pending is somebody else's
        first = client.transaction_count(account, "latest" if taken else "pending")
        return (nonce for nonce in count(first) if nonce not in taken)

    def _follow(self) -> SendRefused | None:
        """Send what is stored, again and again, until all of it has come to an end, or waits behind a gap in the nonces.

        Returns what the node said last if it would not take a transaction.
        """
        self._waiting.progress.stage("wait for block", None)
        sent_at: dict[bytes, float] = {}
        refusal = None
        while pending := open_transactions(self._database):
            pending, first_nonce = self._close_ended(pending)
            now = self._waiting.clock.monotonic()
            due = [each for each in pending if now - sent_at.get(each.hash, -RESEND_AFTER) >= RESEND_AFTER]
            refusal = self._send(due) or refusal
            sent_at |= {each.hash: now for each in due}
            pending = open_transactions(self._database)
            if not pending or pending[0].nonce > first_nonce:
                break
            if not self._waiting.pause():
                raise TransactionNotMined(
                    f"{len(pending)} transactions are in no block after {self._waiting.seconds:.0f} s, the first "
                    f"{to_hex(pending[0].hash)}",
                    hint="see whether the chain makes blocks; the next delivery sends the same transactions again",
                )
        return refusal

    def _close_ended(self, pending: Sequence[GatewayTransaction]) -> tuple[list[GatewayTransaction], int]:
        """Remember how transactions ended by what the chain shows; those that have not, and the account's next nonce."""
        client = self._chain.client
        # the count first: a block may come between the two questions
        first_nonce = client.transaction_count(self._signer.address)
        receipts = client.fetch_transaction_receipts([each.hash for each in pending])
        ended: list[tuple[GatewayTransaction, Outcome]] = []
        left = []
        for each, receipt in zip(pending, receipts, strict=True):
            if receipt is not None:
                ended.append((each, Outcome.MINED if receipt.status == 1 else Outcome.REVERTED))
            elif each.nonce < first_nonce:
                ended.append((each, Outcome.REPLACED))
            else:
                left.append(each)
        if ended:
            close_transactions(self._database, ended)
        return left, first_nonce

    def _send(self, due: Sequence[GatewayTransaction]) -> SendRefused | None:
        if not due:
            return None
        refusals = self._chain.client.send_transactions([each.raw for each in due])
        given_up = [
            (each, Outcome.REFUSED)
            for each, refusal in zip(due, refusals, strict=True)
            if refusal is not None and refusal.fault in GIVEN_UP
        ]
        close_transactions(self._database, given_up)
        others = [each for each in refusals if each is not None and each.fault not in GIVEN_UP]
        for refusal in others:
            if refusal.fault is not SendFault.NONCE_TOO_LOW:
                raise refusal
        return next((each for each in refusals if each is not None and each.fault in GIVEN_UP), None)
