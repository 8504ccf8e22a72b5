"""What is said of a report that was opened: that its pages were not looked at; and of a trust file that it attaches: which it is, and that it is not believed for that."""

from perdure_anchor.trust_file import TrustFileError, fingerprint, parse_trust_file


def opened_text(report: str) -> str:
    """For people, of each report that was opened: any PDF can say that it is one, and attach evidence of something else."""
    return f"{report}: what it attaches was verified, what its pages say was not looked at: no answer is about the PDF itself"


def saved_again_text(report: str) -> str:
    """For people, of a report that another program saved."""
    return (
        f"{report}: was a report before another program saved it anew. What it attaches was verified; nothing vouches for its pages, "
        "which were not looked at and may have been changed: no answer is about the PDF itself"
    )


def attached_trust_text(report: str, raw: bytes) -> str:
    """For people; ``report`` is the report's name."""
    try:
        trust = parse_trust_file(raw)
        which = f"{trust.name}, version {trust.version}"
    except TrustFileError:
        which = "a trust file that cannot be read"
    return (
        f"{report}: it attaches {which}, fingerprint {fingerprint(raw)}: not believed for that, "
        "believed is the trust file that you pinned or name"
    )
