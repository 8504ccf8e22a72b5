"""A document's signatures checked in this process: which format it is, who examines it, and what a fault in the file amounts to.

For files of strangers use `perdure_node.signatures.workers`, which does this in a process with limits.
"""

import io
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from perdure_anchor.errors import PerdureError

from perdure_node.files import open_regular
from perdure_node.signatures.errors import (
    AlgorithmUnknown,
    AmbiguousDocument,
    DocumentMissing,
    EncryptedDocument,
    NotSigned,
    TooMuch,
)
from perdure_node.signatures.recognising import recognise_stream
from perdure_node.signatures.trust import TrustAnchors
from perdure_node.signatures.verdicts import (
    DocumentCheck,
    Format,
    Indication,
    Material,
    MaterialKind,
    SignatureCheck,
)

# beyond what any slot lists; a hostile file may bring along more
MAX_MATERIAL: Final = 256
MAX_SIGNATURE: Final = 16 << 20


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """What should be checked: a file or its bytes, with ``signature`` if that is beside it, as of ``moment``.

    ``existed_by`` is a moment before which the document is proven to have existed, for instance by its anchor: what expired or was
    revoked later does not matter then. ``material`` is what a check rested on once. ``certificate`` is a file with the signer's
    certificate, for a signature that is nothing but numbers.
    """

    document: Path | bytes = field(repr=False)
    signature: bytes | None = field(default=None, repr=False)
    moment: datetime = field(default_factory=lambda: datetime.now(UTC))
    material: tuple[Material, ...] = ()
    existed_by: datetime | None = None
    certificate: bytes | None = field(default=None, repr=False)


def check_here(request: CheckRequest, trust: TrustAnchors) -> DocumentCheck:
    """The check itself. Raises `NotSigned`, and `OSError` for a file that cannot be read; any other fault is in the result."""
    with opened(request.document) as stream:
        form = _form(request, stream)
        stream.seek(0)
        if form is None and request.certificate is not None:
            raise NotSigned(
                "the certificate is none that can be read, or its key is of no kind that is known here",
                hint="want one in DER or PEM with a key for RSA, ECDSA or Ed25519",
            )
        if form is None:
            raise NotSigned(
                "no signature is in it that is known here",
                hint="for a detached signature use --signature FILE.p7s",
            )
        return _checked(request, trust, form, stream)


def _form(request: CheckRequest, stream: BinaryIO) -> Format | None:
    if request.certificate is not None:
        from perdure_node.signatures.raw_check import form_of

        return form_of(request.certificate)
    return Format.CADES if request.signature is not None else recognise_stream(stream)


def _checked(request: CheckRequest, trust: TrustAnchors, form: Format, stream: BinaryIO) -> DocumentCheck:
    # heavy, and needed only where something is signed
    from perdure_node.signatures.cms_check import Examiner
    from perdure_node.signatures.knowledge import Knowledge, text_of

    examiner = Examiner(Knowledge(trust.knowing(request.material)), request.moment, request.existed_by)
    try:
        checks = _examined(request, form, stream, examiner)
    except NotSigned:
        raise
    except DocumentMissing as error:
        checks = (_no_signature(Indication.INDETERMINATE, "SIGNED_DATA_NOT_FOUND", str(error)),)
    except (AlgorithmUnknown, AmbiguousDocument, EncryptedDocument, TooMuch) as error:
        checks = (undecided(str(error)),)
    except PerdureError as error:
        checks = (malformed(str(error)),)
    except (MemoryError, RecursionError):
        checks = (undecided("it needs more memory than a check may take"),)
    except OSError:
        raise
    except NotImplementedError as error:
        checks = (undecided(f"an algorithm in it is not known here: {_first_line(error)}"),)
    except Exception as error:  # noqa: BLE001  # a stranger's file: the parsers have no root of their errors
        checks = (malformed(f"it cannot be parsed: {_first_line(error)}"),)
    evidence = examiner.evidence
    return DocumentCheck(
        form,
        checks,
        text_of(request.moment) or "",
        text_of(evidence.revocation_as_of),
        tuple(evidence.files.values())[:MAX_MATERIAL],
    )


def _examined(
    request: CheckRequest, form: Format, stream: BinaryIO, examiner: "object"
) -> tuple[SignatureCheck, ...]:
    from perdure_node.signatures.cms_check import Examiner
    from perdure_node.signatures.enveloped import check_attached, check_detached, check_message
    from perdure_node.signatures.pdf_check import check_pdf

    assert isinstance(examiner, Examiner)
    if request.signature is not None:
        examiner.evidence.add(MaterialKind.SIGNATURE, request.signature)
        if request.certificate is not None:
            from perdure_node.signatures.raw_check import check_raw

            return check_raw(stream, request.signature, request.certificate, examiner)
        return check_detached(stream, request.signature, examiner)
    if form is Format.PADES:
        return check_pdf(stream, examiner)
    octets = stream.read(MAX_SIGNATURE + 1)
    if len(octets) > MAX_SIGNATURE:
        raise TooMuch(f"a signature around a document of more than {MAX_SIGNATURE >> 20} MiB")
    return check_message(octets, examiner) if form is Format.SMIME else check_attached(octets, examiner)


def malformed(reason: str) -> SignatureCheck:
    """The result where what should be a signature cannot be read."""
    return _no_signature(Indication.INVALID, "FORMAT_FAILURE", reason)


def undecided(reason: str) -> SignatureCheck:
    """The result where nobody could find out."""
    return _no_signature(Indication.INDETERMINATE, "GENERIC", reason)


def _no_signature(indication: Indication, subindication: str, reason: str) -> SignatureCheck:
    return SignatureCheck(None, None, indication, subindication, reason, None, None, None, None)


def opened(document: Path | bytes) -> BinaryIO:
    """A document to be read; raises `OSError`."""
    return io.BytesIO(document) if isinstance(document, bytes) else open_regular(document)


def _first_line(error: Exception) -> str:
    text = str(error).strip().split("\n", 1)[0][:200]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
