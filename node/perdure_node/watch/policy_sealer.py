"""Sealing by the site's policy in a process that runs for long, and knows by a steady clock how long."""

from perdure_node.clock import Clock
from perdure_node.keys.keyring import KeyRing
from perdure_node.log.queue_state import read_queue
from perdure_node.log.sealing import Sealed, seal_if_due
from perdure_node.progress import NO_PROGRESS, Progress
from perdure_node.seal_policy import Due, Occasion
from perdure_node.vault import Vault


class PolicySealer:
    """Seals when the policy says so, but by time no more often than it says, however the clock jumps."""

    def __init__(self, vault: Vault, keys: KeyRing, clock: Clock) -> None:
        self._vault, self._keys, self._clock = vault, keys, clock
        self._sealed_at: float | None = None

    def seal(self, progress: Progress = NO_PROGRESS) -> Sealed | None:
        """Seal if it is due; raises as `perdure_node.log.sealing.seal`."""
        due = read_queue(self._vault.database).due(self._vault.config.seal, self._clock, Occasion.ALONE)
        if due is None or (due in (Due.TIME, Due.CLOCK) and self._is_early()):
            return None
        _, sealed = seal_if_due(self._vault, self._keys, self._clock, progress)
        if sealed is not None:
            self._sealed_at = self._clock.monotonic()
        return sealed

    def _is_early(self) -> bool:
        """Whether all that waits came after a seal of ours, which is not as long ago as the policy lets records wait."""
        seconds = self._vault.config.seal.seconds
        if self._sealed_at is None or seconds is None:
            return False
        return self._clock.monotonic() - self._sealed_at < seconds
