"""A site's nodes in words and as JSON, for `perdure status`."""

from perdure_node.status import NodeView

from perdure_cli.record_texts import plural, time_text


def node_text(view: NodeView, awaited: int | None) -> str:
    """A node, when it answered, and whether it has the checkpoint over ``awaited`` records; None: nothing is awaited."""
    contact = view.contact
    if contact is None or (contact.answered_at is None and contact.failed_at is None):
        return f"{view.node}, not asked yet"
    answered = (
        f"last answered {time_text(contact.answered_at)}" if contact.answered_at else "has never answered"
    )
    text = f"{view.node}, {answered}"
    if awaited is not None and contact.handed_size == awaited:
        text += (
            f"; has had the checkpoint over {plural(awaited, 'record')} since {time_text(contact.handed_at)}"
        )
    if contact.failed_at is not None:
        text += f"; failed {time_text(contact.failed_at)}: {contact.failure}"
    return text


def node_members(view: NodeView) -> dict[str, object]:
    """As `node_text`."""
    contact = view.contact
    return {
        "node": view.node,
        "answered_at": None if contact is None else time_text(contact.answered_at),
        "failed_at": None if contact is None else time_text(contact.failed_at),
        "failure": None if contact is None else contact.failure,
        "handed_size": None if contact is None else contact.handed_size,
        "handed_at": None if contact is None else time_text(contact.handed_at),
    }
