"""What the API's answers look like, for the documentation and the tests: answers themselves are made without these classes."""

from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

HASH_PATTERN: Final = r"^(0x)?[0-9a-f]{64}$"

HASH_EXAMPLE: Final = "0x" + "3f" * 32
ADDRESS_EXAMPLE: Final = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
BASE64_HASH_EXAMPLE: Final = "Pz8/Pz8/Pz8/Pz8/Pz8/Pz8/Pz8/Pz8/Pz8/Pz8/Pz8="
SIGNATURE_EXAMPLE: Final = "Pz8/" * 21 + "Pz8="
# as short as the schema lets it be; a real header has about 1 kB, a receipt's proof several
OCTETS_EXAMPLE: Final = "+QJ3"

HashText = Annotated[str, Field(pattern=r"^0x[0-9a-f]{64}$")]
AddressText = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$")]
OriginText = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}/[a-z0-9][a-z0-9-]{0,31}$")]
Base64Text = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]*={0,2}$")]
Number = Annotated[int, Field(ge=0, le=2**53 - 1)]
Size = Annotated[int, Field(ge=0, lt=2**48)]


class Shape(BaseModel):
    """An object with these members and no others."""

    model_config = ConfigDict(extra="forbid")


def like(**example: Any) -> ConfigDict:
    """A shape's settings: nothing but its members, and this example."""
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [example]})


class Problem(BaseModel):
    """What is wrong (RFC 9457). ``type`` names the kind, and stays the same where texts change; ``hint`` says what to do."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:perdure:problem:SiteNotRegistered",
                    "title": "Forbidden",
                    "status": 403,
                    "detail": "the registry does not know the site acme/rotterdam",
                    "hint": "let its partner register it: `perdure consortium register-site acme/rotterdam KEY`",
                    "request_id": "5f0c2a9be1d34c7788a0b3d1",
                }
            ]
        }
    )

    type: Annotated[str, Field(pattern="^urn:perdure:problem:")]
    title: str
    status: int
    detail: str
    hint: str | None = None
    request_id: str = ""


class TakenInBody(Shape):
    """What was handed in is kept; ``size`` is how many records its newest checkpoint covers, ``id`` the bundle's."""

    model_config = like(id="0x" + "1b" * 16, site="acme/rotterdam", size=3, was_there=False)

    id: Annotated[str, Field(pattern=r"^0x[0-9a-f]{32}$")]
    site: OriginText
    size: Size
    was_there: bool


class AppendProofBody(Shape):
    """The append proof from the log of ``old_size`` leaves to the checkpoint: hashes in base64."""

    old_size: Size
    hashes: Annotated[list[Base64Text], Field(max_length=95)]


class NewCheckpointBody(Shape):
    """A signed checkpoint. ``root``, ``signature`` and the hashes are base64; times are seconds since 1970.

    ``last_slot_digests`` and ``last_path`` are the slot digests of its last record and that record's inclusion path.
    """

    model_config = like(
        origin="acme/rotterdam",
        size=1,
        root=BASE64_HASH_EXAMPLE,
        sealed_at=1_790_000_000,
        signature=SIGNATURE_EXAMPLE,
        last_slot_digests=[BASE64_HASH_EXAMPLE] * 15,
        last_path=[],
        append_proofs=[{"old_size": 0, "hashes": [BASE64_HASH_EXAMPLE]}],
    )

    origin: OriginText
    size: Annotated[int, Field(ge=1, lt=2**48)]
    root: Base64Text
    sealed_at: Number
    signature: Base64Text
    last_slot_digests: Annotated[list[Base64Text], Field(min_length=15, max_length=15)]
    last_path: Annotated[list[Base64Text], Field(max_length=48)]
    append_proofs: Annotated[list[AppendProofBody], Field(max_length=256)]


class AsideBody(Shape):
    """A checkpoint that was set aside, and why."""

    size: Size
    reason: str


class StandingBody(Shape):
    """Sizes of a site's log, as far as it is anchored with evidence here, mirrored, and waiting (0: nothing waits).

    ``asked`` is about the size in the question: ``anchored`` (some checkpoint of it or more is), ``waiting``, ``aside``, ``unknown``.
    """

    model_config = like(
        site="acme/rotterdam",
        anchored=2,
        mirrored=2,
        waiting=3,
        on_its_way=1,
        set_aside=[],
        last_bundle_at=1_790_000_000,
        asked="waiting",
    )

    site: OriginText
    anchored: Size
    mirrored: Size
    waiting: Size
    on_its_way: Number
    set_aside: list[AsideBody]
    last_bundle_at: Number | None
    asked: Annotated[str | None, Field(pattern="^(anchored|waiting|aside|unknown)$")]


class SiteBody(Shape):
    """A site: as in its standing, and since when it is known here. ``site_id`` is what the registry calls it."""

    model_config = like(
        site="acme/rotterdam",
        site_id=HASH_EXAMPLE,
        known_since=1_780_000_000,
        anchored=2,
        mirrored=2,
        waiting=3,
        on_its_way=1,
        set_aside=0,
        last_bundle_at=1_790_000_000,
    )

    site: OriginText
    site_id: HashText
    known_since: Number
    anchored: Size
    mirrored: Size
    waiting: Size
    on_its_way: Number
    set_aside: Number
    last_bundle_at: Number | None


class SitesBody(Shape):
    """A page of sites by name; ``next`` leads to the page after it, null on the last."""

    sites: list[SiteBody]
    next: str | None


REGISTRY_EXAMPLE: Final = {"chain_id": 2026, "address": ADDRESS_EXAMPLE}


class RegistryBody(Shape):
    """Which registry, on which chain."""

    chain_id: Number
    address: AddressText


class PartnerBody(Shape):
    """A partner, by the trust file."""

    name: str
    account: AddressText
    legal_name: str
    registration_number: str
    contact: str


class ConsortiumBody(Shape):
    """What this node has pinned. Believe it no more than any other page: compare the fingerprint on another way.

    ``fingerprint`` is the SHA-256 of the trust file's bytes, in groups, as `perdure trust fingerprint` shows it.
    """

    model_config = like(
        name="four partners",
        version=1,
        devnet=False,
        fingerprint=" ".join(["3f3f"] * 16),
        chain_id=2026,
        genesis_hash=HASH_EXAMPLE,
        registry=ADDRESS_EXAMPLE,
        consortium=ADDRESS_EXAMPLE,
        partners=[
            {
                "name": "acme",
                "account": ADDRESS_EXAMPLE,
                "legal_name": "Acme B.V.",
                "registration_number": "NL 12345678",
                "contact": "records@acme.example",
            }
        ],
        validators=[ADDRESS_EXAMPLE],
    )

    name: str
    version: Number
    devnet: bool
    fingerprint: Annotated[str, Field(pattern=r"^[0-9a-f]{4}( [0-9a-f]{4}){15}$")]
    chain_id: Number
    genesis_hash: HashText
    registry: AddressText
    consortium: AddressText
    partners: list[PartnerBody]
    validators: list[AddressText]


class HeaderBody(Shape):
    """A block's header as a chain client gave it: RLP in base64, and the hash that this chain's rule gives it."""

    model_config = like(number=1200, hash=HASH_EXAMPLE, time=1_790_000_012, rlp=OCTETS_EXAMPLE)

    number: Number
    hash: HashText
    time: Number
    rlp: Base64Text


class AlarmBody(Shape):
    """Something that the operator should look at."""

    name: str
    subject: str
    since: Number


class ChainBody(Shape):
    """The chain as it was last seen; null before."""

    head: Number | None
    head_time: Number | None
    seen_at: Number | None
    validators: list[AddressText]


class StatusBody(Shape):
    """How the node is: what it serves, what waits, what is wrong. Times are seconds since 1970."""

    model_config = like(
        version="0.1.0",
        started_at=1_790_000_000,
        now=1_790_000_100,
        registry=REGISTRY_EXAMPLE,
        chain={
            "head": 1212,
            "head_time": 1_790_000_098,
            "seen_at": 1_790_000_099,
            "validators": [ADDRESS_EXAMPLE],
        },
        sites=2,
        records=3_000_000,
        waiting=1,
        on_its_way=1,
        set_aside=0,
        anchors=120,
        alarms=[{"name": "halt", "subject": "", "since": 1_790_000_050}],
    )

    version: str
    started_at: Number
    now: Number
    registry: RegistryBody
    chain: ChainBody
    sites: Number
    records: Number
    waiting: Number
    on_its_way: Number
    set_aside: Number
    anchors: Number
    alarms: list[AlarmBody]


class HealthBody(Shape):
    """The process answers."""

    model_config = like(ok=True)

    ok: bool


class ReadyBody(Shape):
    """Whether the node can do its work: it knows the chain's ``head``, and no worker of it is ``failing``."""

    model_config = like(ok=True, head=1212, failing=[])

    ok: bool
    head: Number | None
    failing: list[str]
