"""What is said of a report that was opened: that its pages were not looked at; of a trust file that came inside a report: which it is, and that it is not believed for that."""

from perdure_anchor.trust_file import TrustFileError, fingerprint, parse_trust_file


def attached_trust_text(report: str, raw: bytes) -> str:
    """For people; ``report`` is the report's name."""
    try:
        trust = parse_trust_file(raw)
        which = f"{trust.name}, version {trust.version}"
    except TrustFileError:
        which = "a trust file that cannot be read"
    return (
        f"{report}: what it attaches was verified, what its pages say was not looked at; it attaches {which}, fingerprint {fingerprint(raw)}: not believed for that, "
        "believed is the trust file that you pinned or name"
    )
