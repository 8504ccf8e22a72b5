"""How a document is signed: within itself, by a file beside it, or by a file that somebody names; and the check of that.

What has no signature is seen as such by its first bytes and by names, so that nothing heavy is loaded for it. Nothing here asks
a network.
"""

from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final

from perdure_anchor.timestamp import format_seconds

from perdure_node.documents import DocumentFacts
from perdure_node.errors import DocumentUnreadable
from perdure_node.files import open_regular
from perdure_node.operators.policy import policy_in_force
from perdure_node.signatures.besides import Kind, SignatureFile, find_beside, named_signature
from perdure_node.signatures.errors import NotSigned
from perdure_node.signatures.faults import SignatureFileUnusable, SignatureRefused
from perdure_node.signatures.packages import can_check
from perdure_node.signatures.recognising import recognise
from perdure_node.signatures.signed_file import SignedFile
from perdure_node.signatures.trust import SIGNATURES_FOLDER, TrustAnchors, read_trust_folder
from perdure_node.signatures.verdicts import DocumentCheck, Indication, MaterialKind
from perdure_node.signatures.wet_ink import check_wet_ink
from perdure_node.vault import Vault

if TYPE_CHECKING:
    from perdure_node.signatures.workers import Checkers

# of a document that is typed data
_MAX_TYPED_DATA: Final = 256 * 1024
_NOT_CHECKED: Final = (
    "it is signed, and its signature was not checked: pip install 'perdure[signatures]' brings what checks it"
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user asks for. ``signature`` and ``certificate`` are files of a detached signature.

    ``wet_ink_by`` is who attests a scan of ink on paper. ``refuse_bad``: a bad signature is refused, where it would be recorded as bad.
    """

    signature: Path | None = None
    certificate: Path | None = None
    wet_ink_by: str | None = None
    skip: bool = False
    refuse_bad: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """``check`` is None where no signature was checked; ``notes`` are sentences for the user; ``signature`` is the file beside it."""

    check: DocumentCheck | None = None
    notes: tuple[str, ...] = ()
    signature: Path | None = None


UNSIGNED: Final = Look()


def site_trust(folder: Path) -> TrustAnchors:
    """What a folder says that is trusted; a folder that is not there trusts nobody. Raises `TrustFolderUnreadable`."""
    return read_trust_folder(folder) if folder.is_dir() else TrustAnchors()


def site_looker(vault: Vault, asked: Asked) -> "Looker":
    """Looks as the site's trust folder and policy say; raises what reading the policy does."""
    policy = policy_in_force(vault.folder, vault.database)
    refuses = policy.recording.bad_signatures == "refuse"
    return Looker(vault.folder / SIGNATURES_FOLDER, replace(asked, refuse_bad=refuses or asked.refuse_bad))


class Looker:
    """Looks at one document after the other; to be used as a context manager, since processes are started where there are signatures."""

    def __init__(self, trust_folder: Path, asked: Asked) -> None:
        self._folder, self._asked = trust_folder, asked
        self._stack = ExitStack()
        self._checkers: Checkers | None = None

    def __enter__(self) -> "Looker":
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._stack.close()

    def look(self, path: Path, facts: DocumentFacts, now: int) -> Look:
        """Find and check a document's signatures; ``now`` is in seconds since 1970.

        Raises `DocumentUnreadable`, `SignatureFileUnusable`, or `SignatureRefused` if the policy takes no bad ones.
        """
        if self._asked.skip:
            return UNSIGNED
        document = SignedFile(path, facts.sha256, facts.size)
        try:
            look = self._look(document, now)
        except OSError as error:
            raise DocumentUnreadable(f"{path}: {(error.strerror or 'cannot be read').lower()}") from error
        if self._asked.refuse_bad:
            _refuse_bad(path, look)
        return look

    def note(self, look: Look) -> None:
        """Let the next `perdure signatures refresh` ask about the certificates of a document that was recorded."""
        chain = (
            []
            if look.check is None
            else [each.octets for each in look.check.material if each.kind is MaterialKind.CERTIFICATE]
        )
        if chain:
            from perdure_node.signatures.folder import note_wanted

            note_wanted(self._folder, chain)

    def _look(self, document: SignedFile, now: int) -> Look:
        asked = self._asked
        if asked.wet_ink_by is not None:
            return Look(check_wet_ink(asked.wet_ink_by, format_seconds(now)))
        if asked.signature is not None:
            return self._detached(document, named_signature(asked.signature, asked.certificate), now)
        beside = find_beside(document.path, asked.certificate)
        own = self._own(document, now)
        if own is None:
            return UNSIGNED if beside is None else self._detached(document, beside, now)
        if beside is None:
            return own
        note = f"{beside.path.name} lies beside it and was not looked at; --signature takes that one"
        return Look(own.check, (*own.notes, note))

    def _own(self, document: SignedFile, now: int) -> Look | None:
        """What is in the document itself; None if that is nothing."""
        form = recognise(document.path)
        if form is None:
            return _typed_data(document, now)
        if not can_check():
            return Look(notes=(_NOT_CHECKED,))
        try:
            return Look(self._checked(document, None, None, now))
        except NotSigned:
            return None

    def _detached(self, document: SignedFile, found: SignatureFile, now: int) -> Look:
        if found.kind is Kind.ETHEREUM:
            from perdure_node.signatures.ethereum import check_ethereum

            check = check_ethereum(document, found.octets, format_seconds(now))
            return Look(check, signature=found.path)
        if found.note is not None:
            return Look(notes=(found.note,), signature=found.path)
        if not can_check():
            return Look(notes=(_NOT_CHECKED,), signature=found.path)
        try:
            check = self._checked(document, found.octets, found.certificate, now)
        except NotSigned as error:
            raise SignatureFileUnusable(f"{found.path}: {error}", hint=error.hint) from error
        return Look(check, signature=found.path)

    def _checked(
        self, document: SignedFile, signature: bytes | None, certificate: bytes | None, now: int
    ) -> DocumentCheck:
        from perdure_node.signatures.checking import CheckRequest

        handed = document.handed()
        moment = datetime.fromtimestamp(now, UTC)
        check = self._started().check(CheckRequest(handed, signature, moment, certificate=certificate))
        document.check_same(handed)
        return check

    def _started(self) -> "Checkers":
        from perdure_node.signatures.workers import Checkers

        if self._checkers is None:
            self._checkers = self._stack.enter_context(Checkers(site_trust(self._folder)))
        return self._checkers


def _typed_data(document: SignedFile, now: int) -> Look | None:
    """Typed data that carries its signature."""
    if document.size > _MAX_TYPED_DATA:
        return None
    with open_regular(document.path) as file:
        raw = file.read(_MAX_TYPED_DATA)
    if not raw.lstrip().startswith(b"{") or b'"primaryType"' not in raw:
        return None
    from perdure_node.signatures.ethereum import carries_signature, check_own_signature

    return Look(check_own_signature(document, format_seconds(now))) if carries_signature(raw) else None


def _refuse_bad(path: Path, look: Look) -> None:
    for each in () if look.check is None else look.check.signatures:
        if each.indication is Indication.INVALID:
            raise SignatureRefused(
                f"{path}: its signature is bad: {each.reason}",
                hint="the policy refuses bad signatures; --no-signatures records the document without one",
            )
