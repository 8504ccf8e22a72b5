"""node.toml: what the owner of a gateway, or of a node, may change by hand. Each key stands there with what it means and what it risks.

A gateway is a node that nobody serves: `perdure courier deliver` reads the tables [[endpoint]], [chain] and [relay] only.
"""

from dataclasses import dataclass
from typing import Final

from perdure_contracts.fees import PRICE_CEILING

from perdure_node.errors import SettingsError
from perdure_node.settings_file import (
    PORT,
    encode_settings_file,
    flag,
    key,
    one_of,
    parse_settings_file,
    seconds,
    table,
    tables,
    text,
    texts,
    whole,
)

FILE_NAME: Final = "node.toml"
DEFAULT_WAIT: Final = 120.0
DEFAULT_PORT: Final = 8646
_DAY: Final = 86400
_HEADER: Final = (
    "# The node's settings. This file is private: a url often holds an API key. Paths are taken from this file's folder.\n"
    "# Check it with: perdure node check-config\n"
)


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """One node of the chain."""

    url: str = key(
        text,
        "Where a chain client listens (http or https). It can withhold, but nothing that it says is believed without proof.",
    )
    token_file: str = key(
        text, "File with a bearer token for it. Whoever reads the token asks in our name.", ""
    )
    ca: str = key(
        text,
        "Certificates that vouch for it (PEM); empty: the system's. Too many of them, and somebody can stand between.",
        "",
    )
    certificate: str = key(
        text, "Our certificate for it, with its key behind it (PEM). Whoever reads it is us to it.", ""
    )


@dataclass(frozen=True, slots=True)
class ChainSettings:
    """How the chain is waited for."""

    wait: float = key(
        seconds(0, _DAY),
        "How many seconds a delivery waits for the chain. Too few cost another run, and lose nothing.",
        DEFAULT_WAIT,
    )
    period: float = key(
        seconds(0, _DAY),
        "Seconds within which the chain makes a block; 0: it makes none while it is idle. Too many, and a halt is noticed late.",
        10.0,
    )


@dataclass(frozen=True, slots=True)
class RelaySettings:
    """Who pays, and for whom."""

    signer_url: str = key(
        text,
        "A Web3Signer that signs for the relay's account; empty: the key is in this folder, under the passphrase.",
        "",
    )
    account: str = key(
        text,
        "The account that pays, where signer_url is set. It can delay checkpoints, and nothing else.",
        "",
    )
    signer_token_file: str = key(
        text,
        "File with a bearer token for the Web3Signer. Whoever reads it spends from the relay's account.",
        "",
    )
    signer_ca: str = key(text, "Certificates that vouch for the Web3Signer (PEM); empty: the system's.", "")
    signer_certificate: str = key(
        text, "Our certificate for the Web3Signer, with its key behind it (PEM).", ""
    )
    passphrase_file: str = key(
        text,
        "File with this folder's passphrase, for a node that starts by itself. Whoever reads it and this folder has the relay's key. "
        "Empty: systemd's credential `passphrase`, else PERDURE_GATEWAY_PASSPHRASE.",
        "",
    )
    checkpoints_an_hour: int = key(
        whole(1, 100_000),
        "How many checkpoints one site may have anchored in an hour. Without a bound, one site spends the whole account.",
        60,
    )
    replace_after: float = key(
        seconds(5, _DAY),
        "After how many seconds without a block a transaction is signed anew with a higher fee, where the chain has fees.",
        120.0,
    )
    highest_fee: int = key(
        whole(0, 10**18),
        "The most that is paid for a unit of gas, in wei; 0: 100,000 gwei (10^14 wei). With a high one, a liar about fees empties the account.",
        0,
    )

    @property
    def ceiling(self) -> int:
        """`highest_fee` as it counts, in wei for a unit of gas."""
        return self.highest_fee or PRICE_CEILING


@dataclass(frozen=True, slots=True)
class ListenSettings:
    """Where the node's HTTP service is."""

    address: str = key(
        text,
        "The address to listen on. Others than 127.0.0.1 are reached from the network: use TLS, here or in a proxy before it.",
        "127.0.0.1",
    )
    port: int = key(PORT, "The port.", DEFAULT_PORT)
    certificate: str = key(
        text,
        "Our certificate and the chain to its root (PEM); empty: no TLS. Without TLS, tokens can be read on the way.",
        "",
    )
    certificate_key: str = key(
        text, "The certificate's private key (PEM). Whoever reads it can stand between us and our sites.", ""
    )
    public_url: str = key(
        text,
        "How others reach the node, as https://HOST, for links and documents; empty: as they ask for it.",
        "",
    )


@dataclass(frozen=True, slots=True)
class AccessSettings:
    """Who may read."""

    reading: str = key(
        one_of("open", "tokens", "proxy"),
        "Who may read: open (anybody), tokens (`perdure node token`), proxy (whom a reverse proxy with mutual TLS lets through). What "
        "is read are hashes, numbers and times; how often a site signs can be seen from them.",
        "open",
    )
    proxy_addresses: tuple[str, ...] = key(
        texts,
        "Addresses of reverse proxies that are believed (X-Forwarded-For, and the header below). Anybody at one of them can be anybody.",
        (),
    )
    proxy_subject_header: str = key(
        text,
        "The header in which the proxy names the client certificate's subject. The proxy must overwrite what clients send in it.",
        "X-Client-Subject",
    )
    metrics: bool = key(
        flag, "Whether /metrics is for all who may reach the port. They tell how much is going on.", True
    )


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """What one client can cost."""

    request_bytes: int = key(
        whole(1024, 1 << 30), "The largest request besides bundles. Larger ones cost memory.", 1 << 20
    )
    bundle_bytes: int = key(
        whole(1024, 1 << 34),
        "The largest bundle. Each million of leaf hashes is 32 MB of disk until it is anchored.",
        256 << 20,
    )
    document_bytes: int = key(
        whole(1024, 1 << 40),
        "The largest document that the auditor's page hashes. It is never stored; larger ones cost time on one processor.",
        1 << 30,
    )
    requests_a_minute: int = key(
        whole(1, 1_000_000),
        "How many requests one client may make in a minute. Too many, and one client keeps others out.",
        1200,
    )
    submissions_a_minute: int = key(
        whole(1, 1_000_000), "How many of these may submit something. Each costs a question to the chain.", 60
    )
    at_once: int = key(whole(1, 4096), "How many requests are worked on at once; others wait.", 64)


@dataclass(frozen=True, slots=True)
class FollowSettings:
    """What of the chain is kept."""

    evidence: str = key(
        one_of("relayed", "all"),
        "Of whose anchors the evidence is kept: relayed (of sites whose checkpoints came to this node), or all. Chain clients prune "
        "receipts; later nobody may have them.",
        "all",
    )
    blocks_at_once: int = key(
        whole(1, 1_000_000),
        "How many blocks one question for events may span. Too many, and the chain client refuses.",
        10_000,
    )


@dataclass(frozen=True, slots=True)
class PeerSettings:
    """Another node, whose mirrors are copied and compared."""

    url: str = key(
        text,
        "Where the other node is. It is believed in nothing; what it shows is compared with what we have.",
    )
    token_file: str = key(text, "File with an API token that it gave us.", "")
    ca: str = key(text, "Certificates that vouch for it (PEM); empty: the system's.", "")
    certificate: str = key(text, "Our certificate for it, with its key behind it (PEM).", "")


@dataclass(frozen=True, slots=True)
class PairSettings:
    """The other of two nodes of one partner, which share the work."""

    url: str = key(text, "Where the other node of the pair is; empty: there is none.", "")
    account: str = key(
        text,
        "The other one's relay account. With a wrong one here, both submit everything, and pay twice.",
        "",
    )
    token_file: str = key(text, "File with an API token that it gave us.", "")
    ca: str = key(text, "Certificates that vouch for it (PEM); empty: the system's.", "")
    certificate: str = key(text, "Our certificate for it, with its key behind it (PEM).", "")
    patience: float = key(
        seconds(1, _DAY), "How many seconds the other one has for its share before this one steps in.", 60.0
    )


@dataclass(frozen=True, slots=True)
class AlarmSettings:
    """From when on the operator is told."""

    lag_blocks: int = key(
        whole(1, 10**9), "How many blocks behind the chain is too far. Late alarms cost evidence.", 100
    )
    unmined_seconds: float = key(
        seconds(10, 7 * _DAY), "For how long a transaction may be in no block.", 600.0
    )
    clock_skew_seconds: float = key(
        seconds(1, _DAY), "By how much this machine's clock may differ from the chain's.", 30.0
    )
    disk_bytes: int = key(
        whole(0, 1 << 50),
        "How much room the disk shall have. With less, bundles over 256 KiB are refused; a full disk loses nothing, and takes nothing in.",
        1 << 30,
    )
    silent_site_hours: int = key(
        whole(0, 100_000),
        "For how long a site may be silent; 0: for ever. A site that is silent may be in trouble.",
        0,
    )


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What the node writes to stderr about its work."""

    format: str = key(one_of("json", "text"), "One JSON object a line, or a text.", "json")
    level: str = key(
        one_of("debug", "info", "warning", "error"),
        "From which level on. No level shows secrets or what records say.",
        "info",
    )


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """All settings; paths are as they stand in the file."""

    endpoint: tuple[EndpointSettings, ...] = tables(
        EndpointSettings,
        "A node of the chain. The first is asked first; the others when it fails, and to compare.",
    )
    chain: ChainSettings = table(ChainSettings, "The chain's pace.")
    relay: RelaySettings = table(RelaySettings, "The relay: who pays for anchors.")
    listen: ListenSettings = table(ListenSettings, "The HTTP service.")
    access: AccessSettings = table(
        AccessSettings, "Who may read. Submitting needs a registered site's signature, and nothing else."
    )
    limits: LimitSettings = table(LimitSettings, "What one client can cost.")
    follow: FollowSettings = table(FollowSettings, "What of the chain is kept.")
    peer: tuple[PeerSettings, ...] = tables(
        PeerSettings, "A node of another partner, whose mirrors are copied and compared."
    )
    pair: PairSettings = table(PairSettings, "The second node of this partner, with an account of its own.")
    alarms: AlarmSettings = table(AlarmSettings, "From when on something is told to the operator.")
    log: LogSettings = table(LogSettings, "The log.")


def settings_for(*urls: str, relay: RelaySettings | None = None, wait: float = DEFAULT_WAIT) -> NodeSettings:
    """The defaults, for these endpoints."""
    return NodeSettings(
        endpoint=tuple(map(EndpointSettings, urls)),
        chain=ChainSettings(wait=wait),
        relay=relay or RelaySettings(),
    )


def encode_settings(settings: NodeSettings) -> bytes:
    """The file, with its comments."""
    return encode_settings_file(settings, _HEADER)


def parse_settings(raw: bytes) -> NodeSettings:
    """The settings in the file's bytes; raises `SettingsError`."""
    settings = parse_settings_file(raw, NodeSettings, FILE_NAME)
    if not settings.endpoint:
        raise SettingsError(
            f"{FILE_NAME}: endpoint: want at least one table [[endpoint]] with the url of a chain client"
        )
    return settings
