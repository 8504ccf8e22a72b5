"""Alarms: what the operator has to know before he finds out otherwise. Each has a runbook and a Prometheus alert of its name."""

import enum
import logging
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass

_log = logging.getLogger("perdure.alarms")


class AlarmName(enum.Enum):
    """What can be wrong; see docs/runbooks.md."""

    LAG = "lag"
    UNMINED_NONCE = "unmined-nonce"
    HALT = "halt"
    CLOCK_SKEW = "clock-skew"
    DISK = "disk"
    DISAGREEMENT = "disagreement"
    WRONG_CHAIN = "wrong-chain"
    TWO_HISTORIES = "two-histories"
    NO_FUNDS = "no-funds"
    PEER_UNREACHABLE = "peer-unreachable"
    ENDPOINT_UNREACHABLE = "endpoint-unreachable"
    RELAY_REFUSED = "relay-refused"
    SILENT_SITE = "silent-site"
    WORKER_FAILING = "worker-failing"


@dataclass(frozen=True, slots=True)
class Alarm:
    """``subject`` tells alarms of one name apart (a site, an endpoint, a worker); ``since`` in seconds since 1970."""

    name: AlarmName
    subject: str
    since: int
    message: str
    remedy: str | None = None


class AlarmBoard:
    """The alarms that are raised now; for any thread."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._raised: dict[tuple[AlarmName, str], Alarm] = {}

    def raise_(self, name: AlarmName, message: str, subject: str = "", remedy: str | None = None) -> bool:
        """Raise an alarm, or say anew what one that is raised is about; True if it is new."""
        with self._lock:
            before = self._raised.get((name, subject))
            since = int(self._now()) if before is None else before.since
            self._raised[name, subject] = Alarm(name, subject, since, message, remedy)
        if before is None:
            told = {"alarm": name.value, "subject": subject, "remedy": remedy}
            _log.warning("alarm %s: %s", name.value, message, extra=told)
        return before is None

    def clear(self, name: AlarmName, subject: str = "") -> bool:
        """Take an alarm back; True if it was raised."""
        with self._lock:
            before = self._raised.pop((name, subject), None)
        if before is not None:
            _log.info("alarm %s is over", name.value, extra={"alarm": name.value, "subject": subject})
        return before is not None

    def set(
        self,
        name: AlarmName,
        message: str | None,
        subject: str = "",
        remedy: str | None = None,
    ) -> bool:
        """Raise it with this message, or clear it where there is none; True if that changed something."""
        if message is None:
            return self.clear(name, subject)
        return self.raise_(name, message, subject, remedy)

    def keep_only(self, name: AlarmName, subjects: Collection[str]) -> None:
        """Clear the alarms of this name about all other subjects."""
        for other in self.raised():
            if other.name is name and other.subject not in subjects:
                self.clear(name, other.subject)

    def raised(self) -> list[Alarm]:
        """The oldest first."""
        with self._lock:
            return sorted(self._raised.values(), key=lambda each: (each.since, each.name.value, each.subject))
