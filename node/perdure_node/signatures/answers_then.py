"""OCSP answers as what they say of an earlier moment: what was revoked later was good then (EN 319 102-1, 5.2.6)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asn1crypto import ocsp as asn1_ocsp
from pyhanko_certvalidator.revinfo.archival import OCSPContainer


@dataclass(frozen=True)
class OcspAsOf(OCSPContainer):
    """An answer as pyHanko asks it about ``moment``.

    Of a certificate that was revoked after it pyHanko takes a CRL's word that it was good, and an OCSP answer's for no answer at all.
    """

    moment: datetime | None = None

    def extract_single_response(self) -> Any:
        """What is said of one certificate; what is signed is read from elsewhere."""
        single = super().extract_single_response()
        if single is None or self.moment is None or single["cert_status"].name != "revoked":
            return single
        if single["cert_status"].chosen["revocation_time"].native <= self.moment:
            return single
        then = single.copy()
        then["cert_status"] = asn1_ocsp.CertStatus({"good": None})
        return then


def answers_as_of(response: Any, moment: datetime) -> list[OCSPContainer]:
    """One response as the answers that are in it, each as of ``moment``."""
    return [
        OcspAsOf(each.ocsp_response_data, each.index, moment) for each in OCSPContainer.load_multi(response)
    ]
