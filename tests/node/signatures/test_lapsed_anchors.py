"""Trust anchors outside of their validity: RFC 5280 leaves it to who believes them, and here they count for what is proven to be of their time."""

from datetime import datetime, timedelta

import pytest
from perdure_node.signatures.checking import CheckRequest, check_here
from perdure_node.signatures.trust import TrustAnchors
from perdure_node.signatures.verdicts import DocumentCheck, Indication, MaterialKind
from tools.signed_documents import add_store, sign_pdf, stamp_pdf
from tools.signing_authority import DAY, YEAR, SigningAuthority

MINUTE = timedelta(minutes=1)
VALID = (Indication.VALID, None)
LAPSED = (Indication.INDETERMINATE, "OUT_OF_BOUNDS_NO_POE")


@pytest.fixture(scope="module")
def short(now: datetime) -> SigningAuthority:
    """Whose root ended yesterday, though what it issued goes on."""
    return SigningAuthority(now - 2 * DAY, root_lasts=YEAR + DAY)


@pytest.fixture(scope="module")
def signed(pdf: bytes, short: SigningAuthority) -> bytes:
    return sign_pdf(pdf, short, short.signer("Anna Signer"))


def verdict(check: DocumentCheck) -> tuple[Indication, str | None]:
    (only,) = check.signatures
    return only.indication, only.subindication


def checked(
    document: bytes, trust: TrustAnchors, moment: datetime, existed_by: datetime | None = None
) -> DocumentCheck:
    return check_here(CheckRequest(document, moment=moment, existed_by=existed_by), trust)


def known(authority: SigningAuthority, *more: SigningAuthority) -> TrustAnchors:
    return TrustAnchors(tuple(each.root.der for each in (authority, *more)), (), (authority.crl(lasts=YEAR),))


def test_an_anchor_that_expired(signed: bytes, short: SigningAuthority, now: datetime) -> None:
    check = checked(signed, known(short), now)

    assert verdict(check) == LAPSED
    assert "the trust anchor was not valid" in (check.signatures[0].reason or "")
    assert MaterialKind.ANCHOR in {each.kind for each in check.material}
    assert verdict(checked(signed, known(short), short.now + MINUTE)) == VALID


def test_what_is_proven_to_be_of_its_time(
    pdf: bytes, signed: bytes, short: SigningAuthority, authority: SigningAuthority, now: datetime
) -> None:
    """By the record's anchor, or by a time stamp under an anchor that goes on; not by one under the same anchor."""
    assert verdict(checked(signed, known(short), now, existed_by=short.now + MINUTE)) == VALID

    own = sign_pdf(pdf, short, short.signer("Anna Signer"), stamped_by=short.time_stamper())
    assert verdict(checked(own, known(short), now)) == LAPSED

    archived = add_store(signed, [short.intermediate.der], [short.crl(lasts=YEAR)], [])
    archived = stamp_pdf(archived, authority, authority.time_stamper(), short.now + MINUTE)
    assert verdict(checked(archived, known(short, authority), now)) == VALID


def test_an_anchor_of_later(pdf: bytes, now: datetime) -> None:
    """Its certificate begins only after the time that is proven."""
    late = SigningAuthority(now + YEAR)
    signed = sign_pdf(pdf, late, late.signer("Early", begins=-3 * YEAR, lasts=5 * YEAR), at=now - DAY)

    assert verdict(checked(signed, known(late), now - DAY)) != VALID


def test_an_anchor_that_was_renewed(signed: bytes, short: SigningAuthority, now: datetime) -> None:
    """A new certificate for the same key and name, believed beside the old one or alone."""
    renewed = SigningAuthority(now)
    for anchors in (
        (renewed.root.der,),
        (short.root.der, renewed.root.der),
        (renewed.root.der, short.root.der),
    ):
        trust = TrustAnchors(anchors, (), (short.crl(lasts=YEAR),))
        assert verdict(checked(signed, trust, now)) == VALID


def test_a_signer_that_is_believed_by_himself(pdf: bytes, now: datetime) -> None:
    old = SigningAuthority(now - 2 * YEAR)
    pinned = old.stranger("Pinned")
    signed = sign_pdf(pdf, old, pinned, at=old.now - 2 * DAY)
    trust = TrustAnchors((pinned.der,))

    assert verdict(checked(signed, trust, old.now - DAY)) == VALID
    assert verdict(checked(signed, trust, now)) == LAPSED


@pytest.mark.parametrize("since", [timedelta(hours=49), timedelta(hours=47)])
def test_what_was_revoked_is_told_all_the_same(pdf: bytes, now: datetime, since: timedelta) -> None:
    short = SigningAuthority(now - 2 * DAY, root_lasts=YEAR + DAY)
    bob = short.signer("Bob Revoked")
    short.revoke(bob, now - since)
    trust = TrustAnchors((short.root.der,), (), (short.crl(at=now - DAY, lasts=YEAR),))

    found = verdict(checked(sign_pdf(pdf, short, bob), trust, now))

    by_his_word = (Indication.INVALID, "REVOKED")
    assert found == (by_his_word if since > 2 * DAY else (Indication.INDETERMINATE, "REVOKED_NO_POE"))


def test_it_is_the_same_when_it_is_repeated(signed: bytes, short: SigningAuthority, now: datetime) -> None:
    for existed_by in (None, short.now + MINUTE):
        first = checked(signed, known(short), now, existed_by)
        again = check_here(
            CheckRequest(signed, moment=now, existed_by=existed_by, material=first.material),
            TrustAnchors((short.root.der,)),
        )
        assert (again.signatures, again.material) == (first.signatures, first.material)
