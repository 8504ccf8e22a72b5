"""The keys of sites through their lives, from the registry's events, and what of it belongs into a trust file.

A revoked key is not to be believed from the time of its revocation's block on. A mark of compromise means every key that the site
had between the time that it names and its own block: a thief with the key can rotate to one of his own, so only what was set after the mark is
free of it. Whoever revokes, marks, and then sets a new key, in this order, has a clean one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from perdure_anchor.checkpoint import Origin, parse_origin
from perdure_anchor.hashes import ZERO_ADDRESS, Address, Hash32
from perdure_anchor.timestamp import MAX_SECONDS
from perdure_anchor.trust import Revocation, TrustFile
from perdure_contracts.abi import AbiValue, contract_abi
from perdure_contracts.chain import ChainClient

_EVENTS = ("SiteRegistered", "KeyRotated", "KeyRevoked", "MarkedCompromised")


@dataclass(slots=True)
class KeyLife:
    """A key signs for its site from ``begin`` to below ``end`` (seconds; None: still); the times of what befell it, or None."""

    key: Address
    begin: int
    end: int | None = None
    revoked_at: int | None = None
    compromised_since: int | None = None

    def lived_between(self, begin: int, end: int) -> bool:
        """Whether it could sign at some time from ``begin`` to ``end``."""
        return self.begin <= end and (self.end is None or self.end > begin)


@dataclass(frozen=True, slots=True)
class SiteKeys:
    """All keys that a site ever had, oldest first."""

    origin: Origin
    lives: tuple[KeyLife, ...]


@dataclass(frozen=True, slots=True)
class KeyEvent:
    """An event of the registry about a site's key; ``at`` is its block's time."""

    name: str
    values: Mapping[str, AbiValue]
    at: int


def fetch_key_events(client: ChainClient, trust: TrustFile, head: int) -> tuple[KeyEvent, ...]:
    """All of them up to a block, in the chain's order."""
    abi, pin = contract_abi("AnchorRegistry"), trust.registry
    found = []
    for name in _EVENTS:
        topics = (abi.event_topic(name),)
        events = client.fetch_events(pin.address, topics, pin.deployment_block, head)
        found += [(event.block_number, event.log_index, name, event.log) for event in events]
    found.sort(key=lambda entry: entry[:2])
    times = {number: client.fetch_header(number).timestamp for number in {entry[0] for entry in found}}
    return tuple(KeyEvent(name, abi.decode_event(name, log), times[number]) for number, _, name, log in found)


def key_lives(events: Iterable[KeyEvent]) -> tuple[SiteKeys, ...]:
    """What the events tell of each site's keys, by origin."""
    origins: dict[Hash32, Origin] = {}
    lives: dict[Hash32, list[KeyLife]] = {}
    for event in events:
        site = event.values["site"]
        if event.name == "SiteRegistered":
            origins[site] = parse_origin(event.values["origin"])
            lives[site] = [KeyLife(event.values["key"], event.at)]
        elif site in lives:
            _live_on(lives[site], event)
    found = [SiteKeys(origins[site], tuple(keys)) for site, keys in lives.items()]
    return tuple(sorted(found, key=lambda keys: keys.origin.text))


def _live_on(lives: list[KeyLife], event: KeyEvent) -> None:
    values = event.values
    match event.name:
        case "KeyRotated":
            _end_all(lives, event.at)
            if values["oldKey"] != ZERO_ADDRESS:
                lives[-1].end = values["oldKeyUntil"]
            lives.append(KeyLife(values["newKey"], event.at))
        case "KeyRevoked":
            _end_all(lives, event.at)
            lives[-1].revoked_at = event.at
        case "MarkedCompromised":
            for life in lives:
                if life.lived_between(values["since"], event.at):
                    life.compromised_since = values["since"]


def _end_all(lives: list[KeyLife], at: int) -> None:
    """No key goes on signing, be it the last one or one before it in its grace period."""
    for life in lives:
        life.end = at if life.end is None else min(life.end, at)


def revocations(keys: Iterable[SiteKeys], before: Iterable[Revocation] = ()) -> tuple[Revocation, ...]:
    """What a trust file says of these keys: nothing that it said ``before`` is taken back, or moved to a later time.

    A key that was revoked and set again since is not named as revoked, unless it was named before.
    """
    found = {(entry.origin.text, entry.key): entry for entry in before}
    for site in keys:
        for life in site.lives:
            entry = _revocation(site, life)
            if entry is not None:
                name = (site.origin.text, life.key)
                found[name] = _stricter(found.get(name), entry)
    return tuple(found[name] for name in sorted(found))


def _revocation(site: SiteKeys, life: KeyLife) -> Revocation | None:
    if life.compromised_since is not None:
        return Revocation(site.origin, life.key, min(life.compromised_since, MAX_SECONDS), compromised=True)
    is_set_again = any(other.key == life.key and other.begin > life.begin for other in site.lives)
    if life.revoked_at is None or is_set_again:
        return None
    return Revocation(site.origin, life.key, life.revoked_at, compromised=False)


def _stricter(before: Revocation | None, now: Revocation) -> Revocation:
    if before is None:
        return now
    if before.compromised != now.compromised:
        return before if before.compromised else now
    return min(before, now, key=lambda entry: entry.since)
