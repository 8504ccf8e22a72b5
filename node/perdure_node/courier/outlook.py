"""What couriers have in hand: which bundles are out since when, what is at risk with them, and when to send again. Pure.

A record is at risk while this vault is the only place that has its leaf hash: lost with the vault, it could not even be counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from perdure_node.courier.out import BundleOut, RegistryView

# seconds: a stick that has been out for longer is held to be lost, unless earlier ones took longer
DEFAULT_PATIENCE: Final = 7 * 24 * 3600


@dataclass(frozen=True, slots=True)
class OutBundle:
    """A bundle that is out; ``overtaken`` says that a later one came back with all that it carries; times in seconds."""

    id: bytes
    label: str | None
    packed_at: int
    size: int
    overtaken: bool
    overdue: bool


@dataclass(frozen=True, slots=True)
class Outlook:
    """``at_risk`` counts records that no gateway is known to have; ``send_again_at`` is None while nothing needs a courier.

    ``is_due`` says that something should be packed now: nothing that is not overdue carries all that is sealed.
    """

    out: tuple[OutBundle, ...]
    at_risk: int
    send_again_at: int | None
    is_due: bool


def outlook(
    out: Sequence[BundleOut],
    view: RegistryView | None,
    *,
    recorded: int,
    log_size: int,
    anchored: int,
    now: int,
    patience: int = DEFAULT_PATIENCE,
) -> Outlook:
    """How things stand: ``recorded`` counts all records, ``log_size`` the sealed, ``anchored`` those whose evidence is at home."""
    safe = max(anchored, 0 if view is None else min(view.mirrored, log_size))
    told = max(anchored, 0 if view is None else view.head_size)
    found = tuple(
        OutBundle(
            each.id,
            each.label,
            each.packed_at,
            each.size,
            overtaken=each.size <= told,
            overdue=now - each.packed_at > patience,
        )
        for each in out
    )
    if log_size <= anchored and recorded <= log_size:
        return Outlook(found, recorded - safe, None, is_due=False)
    carrying = [each for each in found if each.size >= log_size and not each.overdue]
    send_again_at = max((each.packed_at + patience for each in carrying), default=now)
    return Outlook(found, recorded - safe, send_again_at, is_due=not carrying)
