"""What couriers have in hand, in words and as JSON, for `perdure status`."""

from perdure_node.courier.out import RegistryView
from perdure_node.courier.outlook import OutBundle, Outlook

from perdure_cli.output import print_row
from perdure_cli.record_texts import plural, time_text


def print_outlook(outlook: Outlook, view: RegistryView | None) -> None:
    """The rows about couriers; none at a site that never had one."""
    for each in outlook.out:
        print_row("out", _out_text(each))
    if outlook.out or view is not None:
        at_risk = plural(outlook.at_risk, "record")
        print_row("at risk", f"{at_risk} that only this vault has" if outlook.at_risk else "nothing")
    if view is not None:
        when = time_text(view.seen_at)
        print_row(
            "registry",
            f"{plural(view.head_size, 'record')} at block {view.block_number}, as was told on {when}",
        )
    if outlook.is_due and outlook.out:
        print_row("send again", "now: nothing that is out, and not overdue, carries all that is sealed")
    elif outlook.send_again_at is not None and outlook.out:
        print_row("send again", f"if nothing has come back by {time_text(outlook.send_again_at)}")


def _out_text(bundle: OutBundle) -> str:
    stick = "a bundle" if bundle.label is None else bundle.label
    text = f"{stick}, since {time_text(bundle.packed_at)}, {plural(bundle.size, 'record')}"
    if bundle.overtaken:
        return f"{text}: overtaken by what came back since, and not needed any more"
    return f"{text}: overdue" if bundle.overdue else text


def outlook_members(outlook: Outlook, view: RegistryView | None) -> dict[str, object]:
    """The members about couriers."""
    return {
        "out": [
            {
                "id": each.id.hex(),
                "stick": each.label,
                "packed_at": time_text(each.packed_at),
                "size": each.size,
                "overtaken": each.overtaken,
                "overdue": each.overdue,
            }
            for each in outlook.out
        ],
        "at_risk": outlook.at_risk,
        "send_again_at": time_text(outlook.send_again_at),
        "courier_due": outlook.is_due,
        "registry": None
        if view is None
        else {
            "size": view.head_size,
            "block_number": view.block_number,
            "mirrored": view.mirrored,
            "told_at": time_text(view.seen_at),
        },
    }
