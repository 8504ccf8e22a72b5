"""Checking PAdES signatures beside pyHanko alone on the same files, and by processes on all cores.

The files are signed by pyHanko with time stamps, by signers and a clock of the tests' authority. pyHanko alone reads a file and validates its
signatures for one moment by the same anchors and CRL, with a validation context for each file, whose certificates and CRL are parsed once. What
is measured beside it does the same, finds out levels, coverage and changes, and gathers what the check rests on.
"""

import io
import logging
import os
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from asn1crypto import crl as asn1_crl
from asn1crypto import x509
from measure import Row, best_seconds
from perdure_node.signatures.checking import CheckRequest, check_here
from perdure_node.signatures.trust import TrustAnchors
from perdure_node.signatures.verdicts import Indication
from perdure_node.signatures.workers import Checkers
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko_certvalidator import ValidationContext
from tools.signed_documents import plain_pdf, sign_pdf
from tools.signing_authority import SigningAuthority, real_now

FILES = 40
ROUNDS = 5
# for each process, so that starting them weighs little
TIMES = 4


def rows() -> Iterator[Row]:
    """One row beside pyHanko, one for both cores beside one."""
    logging.disable(logging.CRITICAL)
    authority = SigningAuthority(real_now())
    clock = authority.time_stamper()
    files = [
        sign_pdf(
            plain_pdf(f"Contract {count}"),
            authority,
            authority.signer(f"Signer {count % 4}"),
            stamped_by=clock,
        )
        for count in range(FILES)
    ]
    trust = TrustAnchors((authority.root.der,), (authority.intermediate.der,), (authority.crl(),))
    moment = authority.now + timedelta(minutes=1)
    roots = [x509.Certificate.load(each) for each in trust.anchors]
    others = [x509.Certificate.load(each) for each in trust.intermediates]
    crls = [asn1_crl.CertificateList.load(each) for each in trust.crls]
    usage = KeyUsageConstraints(key_usage={"non_repudiation"})

    def by_pyhanko() -> None:
        for file in files:
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

    def here() -> None:
        for file in files:
            assert check_here(CheckRequest(file, None, moment), trust).indication is Indication.VALID

    theirs, ours = best_seconds(ROUNDS, [by_pyhanko, here])
    yield Row(
        "check PAdES, B-T",
        f"{FILES / ours:,.0f} files/s",
        f"pyHanko {FILES / theirs:,.0f} files/s",
        theirs / ours,
        0.9,
    )

    cores = len(os.sched_getaffinity(0))

    def by(checkers: Checkers) -> None:
        for answer in checkers.each(CheckRequest(file, None, moment) for file in files * TIMES):
            assert not isinstance(answer, Exception)

    with Checkers(trust, jobs=1) as one, Checkers(trust, jobs=cores) as all_:
        alone, together = best_seconds(ROUNDS, [lambda: by(one), lambda: by(all_)])
    count = FILES * TIMES
    yield Row(
        f"check PAdES, {cores} processes",
        f"{count / together:,.0f} files/s",
        f"one process {count / alone:,.0f} files/s",
        alone / together,
        1.6 if cores > 1 else None,
    )
