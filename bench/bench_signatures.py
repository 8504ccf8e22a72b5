"""Checking PAdES signatures beside pyHanko alone on the same files, and by processes on all cores beside one.

The files are signed by pyHanko with time stamps, by signers and a clock of the tests' authority. pyHanko alone reads a file and validates its
signatures for one moment by the same anchors and CRL, with a validation context for each file, whose certificates and CRL are parsed once. What
is measured beside it does the same, finds out levels, coverage and changes, and gathers what the check rests on.

Where other work shares the machine, or its scheduler shares it among sessions, more processes get no more of it than one: what they would
get without us is measured too.
"""

import io
import logging
import multiprocessing
import os
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from asn1crypto import crl as asn1_crl
from asn1crypto import x509
from measure import Row, best_processor_seconds, best_seconds
from perdure_node.signatures.checking import CheckRequest, check_here
from perdure_node.signatures.trust import TrustAnchors
from perdure_node.signatures.verdicts import DocumentCheck, Indication
from perdure_node.signatures.workers import Checkers
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko_certvalidator import ValidationContext
from tools.signed_documents import plain_pdf, sign_pdf
from tools.signing_authority import SigningAuthority, real_now

# each is another document, and enough of them that the last one that a process waits for weighs little
FILES = 80
ROUNDS = 4
TURNS = 3_000_000


def rows() -> Iterator[Row]:
    """One row beside pyHanko, one for all cores beside one, and what the machine has for so many processes."""
    logging.disable(logging.CRITICAL)
    authority = SigningAuthority(real_now())
    files = signed_files(authority)
    trust = TrustAnchors((authority.root.der,), (authority.intermediate.der,), (authority.crl(),))
    moment = authority.now + timedelta(minutes=1)
    cores = len(os.sched_getaffinity(0))
    yield beside_pyhanko(files, trust, moment)
    yield by_processes(files, trust, moment, cores)
    yield loops(cores)


def signed_files(authority: SigningAuthority) -> list[bytes]:
    """Documents of which each is another one, by four signers in turns."""
    clock = authority.time_stamper()
    return [
        sign_pdf(
            plain_pdf(f"Contract {count}"),
            authority,
            authority.signer(f"Signer {count % 4}"),
            stamped_by=clock,
        )
        for count in range(FILES)
    ]


def beside_pyhanko(files: list[bytes], trust: TrustAnchors, moment: datetime) -> Row:
    """By processor time, of which both need all that there is, and file by file: what else runs here hits neither more than the other."""
    roots = [x509.Certificate.load(each) for each in trust.anchors]
    others = [x509.Certificate.load(each) for each in trust.intermediates]
    crls = [asn1_crl.CertificateList.load(each) for each in trust.crls]
    usage = KeyUsageConstraints(key_usage={"non_repudiation"})

    def by_pyhanko(file: bytes) -> None:
        context = ValidationContext(
            trust_roots=roots,
            other_certs=others,
            crls=crls,
            moment=moment,
            revocation_mode="hard-fail",
            retroactive_revinfo=True,
        )
        for signature in PdfFileReader(io.BytesIO(file)).embedded_signatures:
            assert validate_pdf_signature(signature, context, key_usage_settings=usage).bottom_line

    def here(file: bytes) -> None:
        assert check_here(CheckRequest(file, None, moment), trust).indication is Indication.VALID

    theirs, ours = best_processor_seconds(ROUNDS, [by_pyhanko, here], files)
    return Row(
        "check PAdES, B-T",
        f"{FILES / ours:,.0f} files/s",
        f"pyHanko {FILES / theirs:,.0f} files/s",
        theirs / ours,
        0.9,
    )


def by_processes(files: list[bytes], trust: TrustAnchors, moment: datetime, cores: int) -> Row:
    """By the clock, since that is what a second core is for."""

    def by(checkers: Checkers) -> None:
        for answer in checkers.each(CheckRequest(file, None, moment) for file in files):
            assert isinstance(answer, DocumentCheck)
            assert answer.indication is Indication.VALID

    with Checkers(trust, jobs=1) as one, Checkers(trust, jobs=cores) as all_:
        alone, together = best_seconds(ROUNDS, [lambda: by(one), lambda: by(all_)])
    return Row(
        f"check PAdES, {cores} processes",
        f"{FILES / together:,.0f} files/s",
        f"one process {FILES / alone:,.0f} files/s",
        alone / together,
        1.6 if cores > 1 else None,
    )


def loops(cores: int) -> Row:
    """What the machine has for so many processes that ask for nothing but it."""
    with multiprocessing.get_context("fork").Pool(cores) as pool:
        one, all_ = best_seconds(
            ROUNDS, [lambda: pool.map(loop, [0], 1), lambda: pool.map(loop, range(cores), 1)]
        )
    return Row(
        f"  and a loop of Python in {cores} processes",
        f"{cores / all_:,.1f} loops/s",
        f"one process {1 / one:,.1f} loops/s",
        cores * one / all_,
    )


def loop(start: int) -> int:
    for each in range(TURNS):
        start ^= each
    return start
