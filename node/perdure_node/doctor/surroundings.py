"""What is around the folder: the process that serves it, and the other nodes that it speaks with."""

import re
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
from perdure_contracts.endpoint import parse_endpoint

from perdure_node.clock import Clock
from perdure_node.doctor.finding import Finding, fine, unknown, warning, wrong
from perdure_node.errors import VaultBusy
from perdure_node.gateway.settings import ListenSettings, NodeSettings, PairSettings, PeerSettings
from perdure_node.locks import node_lock
from perdure_node.service.alarms import AlarmName
from perdure_node.service.listening import local_url

_PATIENCE: Final = 10.0
_LARGEST_ANSWER: Final = 4 << 20
_ALARM: Final = re.compile(r'^perdure_alarm\{alarm="([a-z-]+)"\} ([0-9.]+)$', re.MULTILINE)
_OK: Final = 200


def check_process(folder: Path, settings: NodeSettings, clock: Clock) -> Iterator[Finding]:
    """Whether a process serves the folder, whether it works, and which alarms it has raised."""
    try:
        with node_lock(folder, clock, patience=0):
            pass
    except VaultBusy as error:
        yield fine("process", str(error))
        yield from _served(settings)
    else:
        yield warning(
            "process", "no process serves this folder", "perdure node run, or systemctl start perdure-node"
        )


def _served(settings: NodeSettings) -> Iterator[Finding]:
    listen = settings.listen
    if listen.port == 0:
        yield unknown("process: ready", "it listens on a port that the system chose", "set port in [listen]")
        return
    url = _own_url(listen)
    # to this machine itself: the certificate is for the name that others use
    with httpx.Client(base_url=url, timeout=_PATIENCE, verify=_unverified(), trust_env=False) as client:
        try:
            ready = client.get("/ready")
            metrics = client.get("/metrics") if settings.access.metrics else None
        except httpx.HTTPError as error:
            yield wrong(
                "process: ready",
                f"{url} does not answer: {type(error).__name__}",
                "see the node's log, and restart it",
            )
            return
    if ready.status_code == _OK:
        yield fine("process: ready", f"{url} answers and works")
    else:
        yield wrong(
            "process: ready",
            f"{url} answers, but does not work: {_shown(ready.text)}",
            "see the alarms and the log",
        )
    if metrics is not None and metrics.status_code == _OK:
        yield from _alarms(metrics.text[:_LARGEST_ANSWER])


def _alarms(text: str) -> Iterator[Finding]:
    known = {name.value for name in AlarmName}
    raised = [name for name, count in _ALARM.findall(text) if name in known and float(count)]
    for name in raised:
        yield wrong(
            f"alarm {name}",
            "is raised: the status page and the log say about what",
            f"see docs/runbooks.md#{name}",
        )
    if not raised:
        yield fine("alarms", "none is raised")


def _own_url(listen: ListenSettings) -> str:
    return local_url(listen.address, listen.port, is_tls=bool(listen.certificate))


def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def check_others(settings: NodeSettings, folder: Path) -> Iterator[Finding]:
    """The peers and the other node of the pair."""
    for number, peer in enumerate(settings.peer, 1):
        yield _other(f"peer {number}", peer, folder)
    if settings.pair.url:
        yield _other("pair", settings.pair, folder)


def _other(about: str, settings: PeerSettings | PairSettings, folder: Path) -> Finding:
    shown = str(parse_endpoint(settings.url))
    try:
        context = ssl.create_default_context(cafile=folder / settings.ca if settings.ca else None)
        if settings.certificate:
            context.load_cert_chain(folder / settings.certificate, password="")
        with httpx.Client(timeout=_PATIENCE, verify=context, trust_env=False) as client:
            answer = client.get(f"{settings.url.rstrip('/')}/health")
    except (OSError, ssl.SSLError, httpx.HTTPError) as error:
        remedy = (
            "see whether it runs, whether this machine may reach it, and whether both sides' certificates fit"
        )
        return unknown(about, f"{shown} cannot be reached: {type(error).__name__}", remedy)
    if answer.status_code != _OK:
        return wrong(about, f"{shown} answers with the status {answer.status_code}", "is it a Perdure node?")
    return fine(about, f"{shown} answers")


def _shown(text: str) -> str:
    return "".join(each if each.isprintable() else "?" for each in text[:300])
