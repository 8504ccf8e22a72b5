"""The signed checkpoints of a site that a node knows, from bundles and from peers, and the list of them that nodes show each other."""

from dataclasses import dataclass
from typing import Any, Final

from perdure_anchor.base64_text import parse_base64, parse_hash32
from perdure_anchor.checkpoint import (
    MAX_TREE_SIZE,
    Checkpoint,
    Origin,
    RegistryDomain,
    checkpoint_digest,
    parse_origin,
)
from perdure_anchor.errors import EncodingError
from perdure_anchor.evidence import parse_domain
from perdure_anchor.hashes import Hash32
from perdure_anchor.secp256k1 import SIGNATURE_SIZE
from perdure_anchor.strict_json import JsonValue, parse_json, take_integer, take_list, take_object

from perdure_node.database import Database
from perdure_node.gateway.sites import KnownSite

# between nodes only: nobody keeps such a list
FORMAT: Final = "perdure-checkpoints/1"
MAX_SIGNED: Final = 64
# 64 checkpoints of about 300 bytes, and room
MAX_LIST_SIZE: Final = 64 * 1024


class NotCheckpoints(EncodingError):
    """A peer's answer is not a list of signed checkpoints of this site and registry."""


@dataclass(frozen=True, slots=True)
class SignedBySomebody:
    """A checkpoint with a signature (65 bytes) of which nobody has said yet whose it is."""

    checkpoint: Checkpoint
    signature: bytes

    @property
    def size(self) -> int:
        return self.checkpoint.size

    def digest(self, domain: RegistryDomain) -> Hash32:
        return checkpoint_digest(domain, self.checkpoint)


_COLUMNS = "size, root, sealed_at, signature"


def signed_checkpoints(database: Database, site: KnownSite) -> list[SignedBySomebody]:
    """Those of the site that a node knows, the largest logs first; as many as one list takes."""
    rows = database.rows(
        f"SELECT {_COLUMNS} FROM checkpoint WHERE site = ?1 UNION SELECT {_COLUMNS} FROM shown_checkpoint WHERE site = ?1 "  # noqa: S608  # constants
        "ORDER BY size DESC LIMIT ?2",
        site.number,
        MAX_SIGNED,
    )
    return [_from_row(site, row) for row in rows]


def contradictable(database: Database, site: KnownSite) -> list[SignedBySomebody]:
    """Those that were set aside or that peers have shown, of logs no longer than the mirror, without a proof yet; some of them."""
    rows = database.rows(
        f"SELECT {_COLUMNS} FROM checkpoint WHERE site = ?1 AND state = 'aside' AND size <= ?2 "  # noqa: S608  # constants
        "AND NOT EXISTS (SELECT 1 FROM two_histories AS t WHERE t.site = ?1 AND t.rival = checkpoint.digest) "
        f"UNION SELECT {_COLUMNS} FROM shown_checkpoint WHERE site = ?1 AND size <= ?2 ORDER BY size LIMIT ?3",
        site.number,
        site.mirrored,
        MAX_SIGNED,
    )
    return [_from_row(site, row) for row in rows]


def _from_row(site: KnownSite, row: tuple[Any, ...]) -> SignedBySomebody:
    size, root, sealed_at, signature = row
    return SignedBySomebody(Checkpoint(site.origin.site, size, Hash32(root), sealed_at), bytes(signature))


def keep_shown(
    database: Database, site: KnownSite, digest: Hash32, shown: SignedBySomebody, peer: str, now: int
) -> None:
    """Keep a checkpoint until the mirror is as long, unless many are kept already; inside a transaction of the caller's."""
    if database.number("SELECT count(*) FROM shown_checkpoint WHERE site = ?", site.number) >= MAX_SIGNED:
        return
    checkpoint = shown.checkpoint
    database.execute(
        "INSERT OR IGNORE INTO shown_checkpoint (digest, site, size, root, sealed_at, signature, peer, seen_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        digest,
        site.number,
        checkpoint.size,
        checkpoint.root,
        checkpoint.sealed_at,
        shown.signature,
        peer,
        now,
    )


def forget_shown(database: Database, site: KnownSite) -> None:
    """Those that the mirror has reached were compared; inside a transaction of the caller's."""
    database.execute("DELETE FROM shown_checkpoint WHERE site = ? AND size <= ?", site.number, site.mirrored)


def parse_signed(raw: bytes, domain: RegistryDomain, origin: Origin) -> list[SignedBySomebody]:
    """A peer's list; raises `NotCheckpoints` or another `EncodingError`."""
    top = take_object(
        parse_json(raw, "checkpoints"), "checkpoints", ("format", "registry", "origin", "checkpoints")
    )
    if top["format"] != FORMAT:
        raise NotCheckpoints(f"checkpoints: does not say that its format is {FORMAT}")
    if parse_domain(top["registry"]) != domain or parse_origin(top["origin"]) != origin:
        raise NotCheckpoints("checkpoints: of another site or registry than was asked for")
    return [_parse(item, origin) for item in take_list(top["checkpoints"], "checkpoints", MAX_SIGNED)]


def _parse(value: JsonValue, origin: Origin) -> SignedBySomebody:
    members = take_object(value, "checkpoint", ("size", "root", "sealed_at", "signature"))
    size = take_integer(members["size"], "checkpoint size", MAX_TREE_SIZE)
    if size == 0:
        raise NotCheckpoints("checkpoint: of an empty log")
    root = parse_hash32(members["root"], "checkpoint root")
    sealed_at = take_integer(members["sealed_at"], "checkpoint sealed_at")
    signature = parse_base64(members["signature"], "checkpoint signature", exactly=SIGNATURE_SIZE)
    return SignedBySomebody(Checkpoint(origin.site, size, root, sealed_at), signature)
