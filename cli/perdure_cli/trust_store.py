"""The trust files that a user has pinned: copies in a folder of the user's own, named by their fingerprints.

Pinning is what makes a verdict worth something: a trust file that came with the evidence may be as forged as the evidence.
So nothing is pinned but by `perdure init` and `perdure trust pin`, and a copy that no longer has its fingerprint is refused.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from perdure_anchor.checkpoint import RegistryDomain
from perdure_anchor.errors import ConfigError
from perdure_anchor.hashes import Address, checksum_address, sha256
from perdure_anchor.trust import TrustFile
from perdure_anchor.trust_changes import successor_faults
from perdure_anchor.trust_file import MAX_TRUST_FILE_SIZE, TrustFileError, fingerprint, parse_trust_file

from perdure_cli.files import os_reason, read_bounded, write_whole

# fewer digits of a fingerprint would look like a file's name
_FINGERPRINT_START: Final = re.compile(r"[0-9a-f]{4,64}", re.ASCII)


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

    def by_digest(self, digest: str | None) -> TrustSource | None:
        """The pinned file whose SHA-256, in 64 hexadecimal digits, is this one; None if there is none."""
        return next((source for source in self.sources() if source.digest == digest), None)

    def starting_with(self, digits: str) -> TrustSource | None:
        """The pinned file whose fingerprint begins like this, spaces and case aside; raises `AmbiguousTrustFile`."""
        wanted = _plain(digits)
        found = [source for source in self.sources() if source.digest.startswith(wanted)]
        if len(found) > 1:
            raise AmbiguousTrustFile(
                f"the fingerprints of {len(found)} pinned trust files begin with {wanted}",
                hint="give more of the fingerprint",
            )
        return found[0] if found else None

    def newest(self, chain_id: int | None = None, registry: Address | None = None) -> TrustSource | None:
        """The newest pinned file for a chain, a registry or both; raises `AmbiguousTrustFile` if there are several."""
        domains = {
            source.trust.domain
            for source in self.sources()
            if chain_id in (None, source.trust.chain_id) and registry in (None, source.trust.registry.address)
        }
        if len(domains) > 1:
            raise AmbiguousTrustFile(
                f"the pinned trust files speak of {len(domains)} registries",
                hint="say which one, with its fingerprint, --chain-id or --registry; see perdure trust show",
            )
        return self.find(domains.pop()) if domains else None

    def holds(self, raw: bytes) -> bool:
        """Whether these bytes are pinned."""
        return self._path(raw).is_file()

    def pin(self, raw: bytes, *, replace: bool = False) -> TrustSource:
        """Keep a copy; raises `NotASuccessor` if the file rewrites what is pinned, or does not follow from it.

        ``replace`` forgets other versions for the same registry instead.
        """
        source = TrustSource(raw, parse_trust_file(raw), self._path(raw), pinned=True)
        pinned = [other for other in self.sources() if other.raw != raw]
        if replace:
            for other in pinned:
                if other.trust.domain == source.trust.domain:
                    other.path.unlink()
        elif not self.holds(raw):
            _check_place(source, pinned)
        if not source.path.is_file():
            source.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_whole(source.path, raw)
        return source

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


def named_source(word: Path, store: TrustStore) -> TrustSource:
    """A trust file, or a pinned one by the first digits of its fingerprint; raises `TrustFileError`, `AmbiguousTrustFile`."""
    if not word.exists() and _FINGERPRINT_START.fullmatch(_plain(str(word))):
        found = store.starting_with(str(word))
        if found is not None:
            return found
        raise TrustFileError(
            f"{word}: no such file, and no pinned trust file with such a fingerprint",
            hint="perdure trust show lists what is pinned",
        )
    return read_trust_file(word, store)


def no_trust_file(domain: RegistryDomain) -> NoTrustFile:
    """The error for evidence of a registry that no trust file at hand speaks of."""
    return NoTrustFile(
        f"no trust file is pinned for chain {domain.chain_id}, registry {checksum_address(domain.registry)}",
        hint="give the consortium's trust file with --trust FILE, or pin it once with: perdure trust pin FILE",
    )


def _check_place(source: TrustSource, pinned: list[TrustSource]) -> None:
    """The file follows from the newest of the pinned ones, or none of them is about its registry."""
    predecessor = next((other for other in pinned if other.digest == source.trust.predecessor), None)
    if predecessor is not None:
        _check_successor(source, predecessor)
    rivals = [other for other in pinned if other.trust.domain == source.trust.domain]
    follower = next((other for other in rivals if other.trust.predecessor == source.digest), None)
    if follower is not None:
        raise NotASuccessor(
            f"version {follower.trust.version} ({follower.digest[:8]}) is pinned, and follows from this file",
            hint="nothing is to be done: the newer version says all that this one does",
        )
    if rivals and predecessor is None:
        raise NotASuccessor(
            f"{rivals[0].trust.name} ({rivals[0].digest[:8]}) is pinned for this registry, "
            "and the file does not name it as its predecessor",
            hint="if versions lie between, pin them first, in their order; else compare fingerprints with the consortium; "
            "--replace forgets what is pinned",
        )
    sibling = next((other for other in rivals if other.trust.predecessor == source.trust.predecessor), None)
    if sibling is not None:
        raise NotASuccessor(
            f"version {sibling.trust.version} ({sibling.digest[:8]}) is pinned, and follows from the same file as this one",
            hint="one of the two is not the consortium's: compare fingerprints; --replace forgets what is pinned",
        )


def _check_successor(source: TrustSource, predecessor: TrustSource) -> None:
    faults = successor_faults(predecessor.trust, predecessor.digest, source.trust)
    if faults:
        raise NotASuccessor(
            f"it rewrites the pinned version {predecessor.trust.version} ({predecessor.digest[:8]}): "
            + "; ".join(map(str, faults)),
            hint="do not believe it before the consortium has explained it; --replace pins it all the same",
        )


def _plain(digits: str) -> str:
    return "".join(digits.split()).lower()
