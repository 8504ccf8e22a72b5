"""What became of a trust file that was to be extended, as people and as programs read it."""

from collections.abc import Sequence

from perdure_anchor.trust_changes import Change
from perdure_node.trust_extend import Extension, How

from perdure_cli.output import print_line, print_row, tell, tell_next, tell_warning
from perdure_cli.trust_store import TrustSource
from perdure_cli.trusting import as_json
from perdure_cli.trusting.as_text import print_changes, title


def print_extension(
    before: TrustSource,
    after: TrustSource | None,
    differences: Sequence[Change],
    found: Extension,
    every: int,
) -> None:
    """What changes, why each epoch was opened, and what is to be done next."""
    if after is None:
        print_line(f"nothing changed: {title(before)} has the validators of block {found.followed_to}")
    else:
        print_line(f"{title(before)} -> {title(after)}")
        print_changes(differences)
        for opened in found.opened:
            print_row(f"block {opened.from_block}", f"{opened.how.value}: {opened.note}")
        print_row("followed to", f"block {found.followed_to}")
        print_row("fingerprint", after.fingerprint)
        print_line(f"wrote {after.path}")
    for words in found.unseen:
        tell_warning(f"could not look for {words}")
    if every > 1:
        tell(f"a change that is undone within {every} blocks may go unseen: --every 1 looks at each block")
    if any(opened.how is How.BY_HAND for opened in found.opened):
        tell_warning(
            "what was entered by hand rests on the node's word and on whoever compared it: let the partners confirm it"
        )
    if after is not None:
        tell_next(
            "compare the fingerprint with partners who extended the file themselves; then publish the file, and let everybody run "
            f"perdure trust pin {after.path}"
        )


def as_members(
    before: TrustSource,
    after: TrustSource | None,
    differences: Sequence[Change],
    found: Extension,
    every: int,
) -> dict[str, object]:
    """The same for programs."""
    return {
        "ok": True,
        "old": as_json.reference(before),
        "new": None if after is None else as_json.reference(after),
        "changes": as_json.changes(differences),
        "epochs": [
            {"from": opened.from_block, "how": opened.how.value, "note": opened.note}
            for opened in found.opened
        ],
        "followed_to": found.followed_to,
        "every": every,
        "unseen": list(found.unseen),
    }
