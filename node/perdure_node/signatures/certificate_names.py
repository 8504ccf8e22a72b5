"""Whom a certificate names."""

from typing import Any


def names_of(certificate: Any) -> dict[str, str]:
    """The subject's names, bounded: they are a stranger's text."""
    try:
        native = certificate.subject.native
    except (ValueError, TypeError):
        return {}
    return {name: value[:256] for name, value in native.items() if isinstance(value, str)}
