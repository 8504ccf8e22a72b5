"""How a document is signed: within itself, by a file beside it, or by a file that somebody names; and the check of that.

What has no signature is seen as such by its first bytes and by names, so that nothing heavy is loaded for it. Nothing here asks
a network.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final

from perdure_anchor.errors import PerdureError
from perdure_anchor.timestamp import format_seconds

from perdure_node.documents import DocumentFacts, hash_document
from perdure_node.errors import DocumentUnreadable
from perdure_node.files import open_regular
from perdure_node.operators.policy import policy_in_force
from perdure_node.signatures.besides import Kind, SignatureFile, find_beside, named_signature
from perdure_node.signatures.errors import NotSigned
from perdure_node.signatures.faults import SignatureFileUnusable, SignatureRefused
from perdure_node.signatures.packages import can_check
from perdure_node.signatures.recognising import Recogniser
from perdure_node.signatures.signed_file import SignedFile
from perdure_node.signatures.trust import SIGNATURES_FOLDER, TrustAnchors, read_trust_folder
from perdure_node.signatures.verdicts import DocumentCheck, Format, Indication, MaterialKind
from perdure_node.signatures.wet_ink import check_wet_ink
from perdure_node.vault import Vault

if TYPE_CHECKING:
    from perdure_node.signatures.checking import CheckRequest
    from perdure_node.signatures.workers import Answer, Checkers

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
    """Looks at documents; to be used as a context manager, since processes are started where there are signatures.

    ``trust_folder`` says who is believed, None that nobody is; ``jobs`` is how many documents `each` has checked at once.
    """

    def __init__(self, trust_folder: Path | None, asked: Asked, *, jobs: int = 1) -> None:
        self._folder, self._asked, self._jobs = trust_folder, asked, jobs
        self._stack = ExitStack()

    def __enter__(self) -> "Looker":
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._stack.close()

    @cached_property
    def trust(self) -> TrustAnchors:
        """Who is believed, and what is known beside; raises `TrustFolderUnreadable`."""
        return TrustAnchors() if self._folder is None else site_trust(self._folder)

    @property
    def seeks(self) -> bool:
        """Whether it matters what is signed within a document, so that it should be looked through while it is hashed."""
        asked = self._asked
        return not asked.skip and asked.wet_ink_by is None and asked.signature is None

    def look(self, path: Path, facts: DocumentFacts, form: Format | None, now: int) -> Look:
        """Find and check a document's signatures; ``now`` is in seconds since 1970.

        ``form`` is what a `Recogniser` found in the bytes that were hashed; it may have been given none where nothing is sought.

        Raises `DocumentUnreadable`, `SignatureFileUnusable`, or `SignatureRefused` if the policy takes no bad ones.
        """
        if self._asked.skip:
            return UNSIGNED
        try:
            look = self._carried_out(self._planned(SignedFile(path, facts.sha256, facts.size), form, now))
        except OSError as error:
            raise _unreadable(path, error) from error
        if self._asked.refuse_bad:
            _refuse_bad(path, look)
        return look

    def each(self, paths: Iterable[Path], now: int) -> Iterator[Look | PerdureError]:
        """What `look` finds in many documents, in their order; what it would raise for one is given in its place."""
        plans: deque[_Plan | PerdureError] = deque()

        def requests() -> Iterator["CheckRequest"]:
            for path in paths:
                plans.append(plan := self._planned_or_error(path, now))
                if isinstance(plan, _Plan) and plan.request is not None:
                    yield plan.request

        def settled() -> Iterator[Look | PerdureError]:
            while plans and (isinstance(plans[0], PerdureError) or plans[0].look is not None):
                plan = plans.popleft()
                yield plan if isinstance(plan, PerdureError) else plan.look or UNSIGNED

        for answer in self._answers(requests()):
            yield from settled()
            plan = plans.popleft()
            assert isinstance(plan, _Plan), "there is an answer for each plan that asks"
            yield self._finished_or_error(plan, answer)
        yield from settled()

    def note(self, look: Look) -> None:
        """Let the next `perdure signatures refresh` ask about the certificates of a document that was recorded."""
        certificates = (
            []
            if look.check is None
            else [each.octets for each in look.check.material if each.kind is MaterialKind.CERTIFICATE]
        )
        if certificates and self._folder is not None:
            from perdure_node.signatures.folder import note_wanted

            note_wanted(self._folder, certificates)

    def _planned_or_error(self, path: Path, now: int) -> "_Plan | PerdureError":
        try:
            seen = Recogniser()
            facts = hash_document(path, taker=seen.take if self.seeks else None)
            return self._planned(SignedFile(path, facts.sha256, facts.size), seen.form(), now)
        except PerdureError as error:
            return error
        except OSError as error:
            return _unreadable(path, error)

    def _finished_or_error(self, plan: "_Plan", answer: "Answer") -> Look | PerdureError:
        try:
            return self._finished(plan, answer)
        except PerdureError as error:
            return error
        except OSError as error:
            return _unreadable(plan.document.path, error)

    def _planned(self, document: SignedFile, form: Format | None, now: int) -> "_Plan":
        """Where a document's signatures are, and what is asked about them."""
        asked = self._asked
        if asked.wet_ink_by is not None:
            return _Plan(document, now, Look(check_wet_ink(asked.wet_ink_by, format_seconds(now))))
        if asked.signature is not None:
            return _of_detached(document, now, named_signature(asked.signature, asked.certificate))
        beside = find_beside(document.path, asked.certificate)
        if form is not None:
            return _asking(_Plan(document, now, beside=beside))
        own = _typed_data(document, now)
        if own is not None:
            return _Plan(document, now, _passing_over(own, beside))
        return _Plan(document, now, UNSIGNED) if beside is None else _of_detached(document, now, beside)

    def _carried_out(self, plan: "_Plan") -> Look:
        if plan.look is not None:
            return plan.look
        assert plan.request is not None, "a plan has what was found, or asks"
        (answer,) = self._one_by_one.each([plan.request])
        return self._finished(plan, answer)

    def _finished(self, plan: "_Plan", answer: "Answer") -> Look:
        """What is made of the answer to a plan's request; raises as `look` does."""
        found = plan.found
        if isinstance(answer, NotSigned):
            if found is not None:
                raise SignatureFileUnusable(f"{found.path}: {answer}", hint=answer.hint) from answer
            if plan.beside is None:
                return UNSIGNED
            return self._carried_out(_of_detached(plan.document, plan.now, plan.beside))
        if isinstance(answer, Exception):
            raise answer
        assert plan.request is not None, "it was answered"
        plan.document.check_same(plan.request.document)
        return (
            _passing_over(Look(answer), plan.beside) if found is None else Look(answer, signature=found.path)
        )

    def _answers(self, requests: Iterator["CheckRequest"]) -> Iterator["Answer"]:
        """The answers to requests, by processes that are started with the first one."""
        first = next(requests, None)
        if first is not None:
            from perdure_node.signatures.workers import Checkers

            pool = self._stack.enter_context(Checkers(self.trust, jobs=self._jobs))
            yield from pool.each(chain([first], requests))

    @cached_property
    def _one_by_one(self) -> "Checkers":
        from perdure_node.signatures.workers import Checkers

        return self._stack.enter_context(Checkers(self.trust))


@dataclass(frozen=True, slots=True)
class _Plan:
    """A document with ``look``, what was found already, or ``request``, what a process is asked.

    ``found`` is the detached signature that is asked about, None where it is the document's own; ``beside`` is one that lies beside it then.
    """

    document: SignedFile
    now: int
    look: Look | None = None
    request: "CheckRequest | None" = None
    found: SignatureFile | None = None
    beside: SignatureFile | None = None


def _of_detached(document: SignedFile, now: int, found: SignatureFile) -> _Plan:
    plan = _Plan(document, now, found=found)
    if found.kind is Kind.ETHEREUM:
        from perdure_node.signatures.ethereum import check_ethereum

        check = check_ethereum(document, found.octets, format_seconds(now))
        return replace(plan, look=Look(check, signature=found.path))
    if found.note is not None:
        return replace(plan, look=Look(notes=(found.note,), signature=found.path))
    return _asking(plan)


def _asking(plan: _Plan) -> _Plan:
    """With the request of a plan, if what checks is installed."""
    found = plan.found
    if not can_check():
        look = Look(notes=(_NOT_CHECKED,), signature=None if found is None else found.path)
        return replace(plan, look=look)
    from perdure_node.signatures.checking import CheckRequest

    request = CheckRequest(
        plan.document.handed(),
        None if found is None else found.octets,
        datetime.fromtimestamp(plan.now, UTC),
        certificate=None if found is None else found.certificate,
    )
    return replace(plan, request=request)


def _passing_over(own: Look, beside: SignatureFile | None) -> Look:
    """What is in a document counts, and not what lies beside it."""
    if beside is None:
        return own
    note = f"{beside.path.name} lies beside it and was not looked at; --signature takes that one"
    return replace(own, notes=(*own.notes, note))


def _unreadable(path: Path, error: OSError) -> DocumentUnreadable:
    return DocumentUnreadable(f"{path}: {(error.strerror or 'cannot be read').lower()}")


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
