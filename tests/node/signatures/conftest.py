from datetime import datetime

import pytest
from perdure_node.signatures.trust import TrustAnchors
from tools.signed_documents import plain_pdf
from tools.signing_authority import Holder, SigningAuthority, real_now


@pytest.fixture(scope="session")
def now() -> datetime:
    return real_now()


@pytest.fixture(scope="session")
def authority(now: datetime) -> SigningAuthority:
    return SigningAuthority(now)


@pytest.fixture(scope="session")
def anna(authority: SigningAuthority) -> Holder:
    return authority.signer("Anna Signer")


@pytest.fixture(scope="session")
def clock(authority: SigningAuthority) -> Holder:
    return authority.time_stamper()


@pytest.fixture(scope="session")
def trust(authority: SigningAuthority) -> TrustAnchors:
    """The root, and a CRL of today; intermediates come with the signatures."""
    return TrustAnchors(anchors=(authority.root.der,), crls=(authority.crl(),))


@pytest.fixture(scope="session")
def pdf() -> bytes:
    return plain_pdf()
