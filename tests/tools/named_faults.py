"""The faults that anchor/SPEC.md names, read from its text."""

import re

from specification_example import SPEC

# names in code type that are no faults
OTHER_NAMES = {"Anchored", "AnchoredBefore", "AnchorRegistry", "Consortium", "Frontier", "Infinity", "NaN"}
# named, but never by a verifier of evidence: the registry's own, and those of trust files, bundles and other files
NOT_OF_EVIDENCE = {
    "AppendProofLengthError",
    "OldRootMismatchError",
    "TrustFileError",
    "UnsupportedCurve",
    "NotABundle",
    "NotRivals",
    "NotStatement",
    "NotAuditReport",
    "SuccessorFault",
    "PredecessorNotNamed",
    "VersionNotHigher",
    "ChainRewritten",
    "RegistryRewritten",
    "ClosedEpochRewritten",
}


def faults_of_evidence() -> set[str]:
    """Those by which a verifier answers no to evidence."""
    # what is said of bundles and recovery sheets is not about evidence
    text = SPEC.read_text(encoding="utf-8").partition("\n## 12. ")[0]
    named = set(re.findall(r"`([A-Z][a-z]\w+)`", text))
    return named - OTHER_NAMES - NOT_OF_EVIDENCE
