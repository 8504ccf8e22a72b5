"""Whether a head of the registry, as somebody tells it, is in this vault's log."""

from perdure_anchor.hashes import Hash32
from perdure_anchor.log import UnknownLeaves, root_at

from perdure_node.courier.out import registry_view
from perdure_node.log.site_log import nodes_at
from perdure_node.records import registered_size
from perdure_node.vault import Vault


def is_ours(vault: Vault, size: int, root: Hash32) -> bool:
    """Whether the vault's log of ``size`` leaves has this root."""
    try:
        return size == 0 or (size <= vault.log_size and root_at(nodes_at(vault.database, size), size) == root)
    except UnknownLeaves:
        # from before what was adopted since, whose leaf hashes are lost
        return size <= registered_size(vault.database)


def lacks_head(vault: Vault) -> bool:
    """Whether the registry was last said to have another log than this vault, or a longer one."""
    view = registry_view(vault.database)
    return view is not None and not is_ours(vault, view.head_size, view.head_root)
