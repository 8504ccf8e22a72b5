"""The trust files that a user has pinned: copies in a folder of the user's own, named by their fingerprints.

Pinning is what makes a verdict worth something: a trust file that came with the evidence may be as forged as the evidence.
So nothing is pinned but by `perdure init` and `perdure trust pin`, and a copy that no longer has its fingerprint is refused.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from perdure_anchor.checkpoint import RegistryDomain
from perdure_anchor.errors import ConfigError
from perdure_anchor.hashes import checksum_address, sha256
from perdure_anchor.trust import Epoch, TrustFile
from perdure_anchor.trust_file import MAX_TRUST_FILE_SIZE, TrustFileError, fingerprint, parse_trust_file

from perdure_cli.files import os_reason, read_bounded, write_whole


class NoTrustFile(ConfigError):
    """No trust file is at hand for the chain and registry that the evidence names."""


class AmbiguousTrustFile(ConfigError):
    """Several pinned trust files speak of the same registry, and none follows from the others."""


class NotASuccessor(ConfigError):
    """A trust file would replace a pinned one without following from it."""


@dataclass(frozen=True, slots=True)
class TrustSource:
    """A trust file that was read: its bytes, what they say, where they were, and whether this user pinned them."""

    raw: bytes
    trust: TrustFile
    path: Path
    pinned: bool

    @property
    def fingerprint(self) -> str:
        """In groups, for people."""
        return fingerprint(self.raw)

    @property
    def digest(self) -> str:
        """In one piece, as files and predecessors are named."""
        return sha256(self.raw).hex()


@dataclass(frozen=True, slots=True)
class TrustStore:
    """The folder of pinned trust files; it need not exist."""

    folder: Path

    def sources(self) -> Iterator[TrustSource]:
        """All pinned files, by fingerprint; a damaged one raises `TrustFileError`."""
        for path in self._paths():
            yield self._read(path)

    def find(self, domain: RegistryDomain) -> TrustSource | None:
        """The newest pinned file for a chain and registry, None if there is none; raises `AmbiguousTrustFile`."""
        found = [source for source in self.sources() if source.trust.domain == domain]
        superseded = {source.trust.predecessor for source in found}
        newest = [source for source in found if source.digest not in superseded]
        if len(newest) > 1:
            raise AmbiguousTrustFile(
                f"{len(newest)} pinned trust files speak of this registry: "
                + ", ".join(f"{source.trust.name} ({source.digest[:8]})" for source in newest),
                hint="say which one with --trust FILE",
            )
        return newest[0] if newest else None

    def holds(self, raw: bytes) -> bool:
        """Whether these bytes are pinned."""
        return self._path(raw).is_file()

    def pin(self, raw: bytes, *, replace: bool = False) -> TrustSource:
        """Keep a copy; raises `NotASuccessor` if another version is pinned that the file does not follow from.

        ``replace`` forgets other versions for the same registry instead.
        """
        trust = parse_trust_file(raw)
        others = [
            source for source in self.sources() if source.trust.domain == trust.domain and source.raw != raw
        ]
        if replace:
            for other in others:
                other.path.unlink()
        elif others:
            _check_successor(trust, others)
        path = self._path(raw)
        if not path.is_file():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_whole(path, raw)
        return TrustSource(raw, trust, path, pinned=True)

    def _path(self, raw: bytes) -> Path:
        return self.folder / f"{sha256(raw).hex()}.json"

    def _paths(self) -> list[Path]:
        return sorted(self.folder.glob("*.json")) if self.folder.is_dir() else []

    def _read(self, path: Path) -> TrustSource:
        raw = read_bounded(path, MAX_TRUST_FILE_SIZE)
        if sha256(raw).hex() != path.stem:
            raise TrustFileError(
                f"pinned trust file {path}: its bytes have changed since it was pinned",
                hint="remove it, and pin the trust file again from a source that you trust",
            )
        return TrustSource(raw, parse_trust_file(raw), path, pinned=True)


def user_store(environ: Mapping[str, str]) -> TrustStore:
    """The user's store: in ``PERDURE_CONFIG_DIR``, else under the XDG configuration folder."""
    if configured := environ.get("PERDURE_CONFIG_DIR"):
        return TrustStore(Path(configured) / "trust")
    base = environ.get("XDG_CONFIG_HOME")
    return TrustStore((Path(base) if base else Path.home() / ".config") / "perdure" / "trust")


def read_trust_file(path: Path, store: TrustStore) -> TrustSource:
    """A trust file that the user names; raises `TrustFileError`, with the path, if it cannot be used."""
    try:
        raw = read_bounded(path, MAX_TRUST_FILE_SIZE)
        return TrustSource(raw, parse_trust_file(raw), path, pinned=store.holds(raw))
    except TrustFileError as error:
        raise TrustFileError(f"{path}: {error}", hint=error.hint) from None
    except OSError as error:
        raise TrustFileError(f"{path}: {os_reason(error)}") from None


def no_trust_file(domain: RegistryDomain) -> NoTrustFile:
    """The error for evidence of a registry that no trust file at hand speaks of."""
    return NoTrustFile(
        f"no trust file is pinned for chain {domain.chain_id}, registry {checksum_address(domain.registry)}",
        hint="give the consortium's trust file with --trust FILE, or pin it once with: perdure trust pin FILE",
    )


def _check_successor(trust: TrustFile, pinned: list[TrustSource]) -> None:
    """The file names one of the pinned files as its predecessor, has a higher version, and changes no closed epoch."""
    before = next((source for source in pinned if source.digest == trust.predecessor), None)
    if before is None:
        raise NotASuccessor(
            f"{pinned[0].trust.name} ({pinned[0].digest[:8]}) is pinned for this registry, "
            "and the file does not name it as its predecessor",
            hint="compare fingerprints with the consortium; --replace forgets what is pinned",
        )
    if trust.version <= before.trust.version:
        raise NotASuccessor(
            f"version: got {trust.version}, want more than the pinned file's {before.trust.version}"
        )
    for epoch in _closed_epochs(before.trust):
        if epoch not in trust.epochs:
            raise NotASuccessor(f"the closed epoch from block {epoch.from_block} was changed or removed")


def _closed_epochs(trust: TrustFile) -> list[Epoch]:
    return [epoch for epoch in trust.epochs if epoch.to_block is not None]
