"""Whether an answer settles what a bundle brought: its newest checkpoint is proved, set aside, or overtaken. Pure."""

from perdure_node.courier.bundle import Answer, BundleHead


def is_settled(head: BundleHead, answer: Answer) -> bool:
    """Whether nothing that the bundle brought still waits at the gateway, as this answer tells it."""
    newest = head.newest
    if newest is None or answer.head_size > newest.size:
        return True
    return any(each.size >= newest.size for each in answer.anchors) or is_set_aside(head, answer)


def is_set_aside(head: BundleHead, answer: Answer) -> bool:
    """Whether the gateway has put the bundle's newest checkpoint aside."""
    newest = head.newest
    return newest is not None and any(
        (each.size, each.root) == (newest.size, newest.checkpoint.root) for each in answer.set_aside
    )
