"""A site that was restored signs two histories, and is caught: at intake, and by nodes that compare, with a file for `perdure verify`."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from perdure_cli.main import main
from perdure_node.gateway.checkpoints import State
from perdure_node.gateway.settings import PeerSettings
from perdure_node.gateway.sites import site_of
from perdure_node.service.alarms import AlarmName
from perdure_node.service.state import new_state
from perdure_node.service.witnessing import BUSY_PAUSE, IDLE_PAUSE, WitnessWorker
from perdure_node.witness.copying import Outcome, compare_signed, copy_log
from perdure_node.witness.peers import HttpPeer, PeerTalksTooLong, PeerUnreachable, connect_to_peers
from perdure_node.witness.proofs import kept_proof, kept_proofs
from tools.gateway_desk import GatewayDesk
from tools.light_site import LightSite
from tools.many_sites import is_home, newest, sites_of
from tools.site_network import SiteNetwork
from tools.witness_desk import served


@pytest.fixture
def south(network: SiteNetwork, tmp_path: Path) -> Iterator[GatewayDesk]:
    desk = GatewayDesk(network, tmp_path / "south", relay_key=b"\x22" * 32)
    yield desk
    desk.gateway.close()


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=5, trust_env=False) as client:
        yield client


def restored(site: LightSite, size: int) -> LightSite:
    """The same site from a backup of its first records: it has the key, and goes on otherwise."""
    copy = LightSite(site.domain, site.origin.text)
    copy.grow(size)
    copy.seed = b"after the restore"
    return copy


def proofs_at(desk: GatewayDesk, site: LightSite) -> list[bytes]:
    database = desk.gateway.database
    known = site_of(database, site.origin)
    assert known is not None
    found = [kept_proof(database, known, proof.digest) for proof in kept_proofs(database, known)]
    return [raw for raw in found if raw is not None]


def is_accepted(raw: bytes, network: SiteNetwork, folder: Path, *, code: int = 0) -> bool:
    """By the command, offline, under the consortium's trust file."""
    file, trust = folder / "site.rivals.json", folder / "consortium.json"
    file.write_bytes(raw)
    trust.write_bytes(network.trust_raw)
    return main(["verify", str(file), "--trust", str(trust)]) == code


@pytest.mark.parametrize(("common", "more"), [(200, 150), (200, 50), (200, 100), (0, 1), (299, 1), (299, 2)])
def test_a_rival_that_comes_in_a_bundle_is_proved(
    network: SiteNetwork, gateway: GatewayDesk, tmp_path: Path, common: int, more: int
) -> None:
    (site,) = sites_of(network, 1)
    site.seal(300)
    gateway.deliver_bundles(site.bundle())
    assert is_home(gateway, site)
    rival = restored(site, common)
    rival.seal(more)
    gateway.deliver_bundles(rival.bundle(rival.head(begin=common // 2)))
    [proof] = proofs_at(gateway, site)
    assert is_accepted(proof, network, tmp_path)
    gateway.deliver_bundles(rival.bundle())
    assert proofs_at(gateway, site) == [proof]
    assert is_home(gateway, site) or newest(gateway, site).state is State.ASIDE


def test_an_honest_site_is_never_accused(network: SiteNetwork, gateway: GatewayDesk) -> None:
    (site,) = sites_of(network, 1)
    for count in (1, 200, 57, 300):
        site.seal(count)
        late = site.bundle()
        gateway.deliver_bundles(site.bundle(site.head(begin=site.log.size - count)))
        gateway.deliver_bundles(late)
    assert proofs_at(gateway, site) == []


def test_nodes_that_compare_catch_it(
    network: SiteNetwork, gateway: GatewayDesk, south: GatewayDesk, tmp_path: Path, http: httpx.Client
) -> None:
    """Each of two nodes was told another history; neither of them could know."""
    (site,) = sites_of(network, 1)
    site.seal(300)
    gateway.deliver_bundles(site.bundle())
    rival = restored(site, 200)
    rival.seal(70)
    south.deliver_bundles(rival.bundle())
    assert proofs_at(south, site) == [], "it has no mirror of the true log"
    with served(south.gateway.folder) as url:
        peer = HttpPeer("south", url, http)
        assert copy_log(gateway.gateway, peer, site.origin, network.clock).outcome is Outcome.ABSENT
        [proof] = compare_signed(gateway.gateway, peer, site.origin, network.clock)
    assert proofs_at(gateway, site) == [proof]
    assert is_accepted(proof, network, tmp_path)


def test_a_copy_shows_what_was_taken_for_true(
    network: SiteNetwork, gateway: GatewayDesk, south: GatewayDesk, tmp_path: Path, http: httpx.Client
) -> None:
    (site,) = sites_of(network, 1)
    site.seal(300)
    gateway.deliver_bundles(site.bundle())
    rival = restored(site, 200)
    rival.seal(70)
    south.deliver_bundles(rival.bundle())
    with served(gateway.gateway.folder) as url:
        state = new_state(network.clock)
        worker = WitnessWorker(south.gateway, [HttpPeer("north", url, http)], state, network.clock)
        assert worker.step() == IDLE_PAUSE
    assert is_home_at(south, site)
    [alarm] = state.alarms.raised()
    assert (alarm.name, alarm.subject) == (AlarmName.TWO_HISTORIES, site.origin.text)
    [proof] = proofs_at(south, site)
    assert is_accepted(proof, network, tmp_path)


def is_home_at(desk: GatewayDesk, site: LightSite) -> bool:
    known = site_of(desk.gateway.database, site.origin)
    return known is not None and known.mirrored == site.log.size


def test_what_is_copied_is_served_relayed_and_continued(
    network: SiteNetwork, gateway: GatewayDesk, south: GatewayDesk, http: httpx.Client
) -> None:
    (site,) = sites_of(network, 1)
    site.seal(300)
    gateway.deliver_bundles(site.bundle())
    site.seal(211)
    south.deliver_bundles(site.bundle())
    with served(south.gateway.folder) as url:
        copied = copy_log(gateway.gateway, HttpPeer("south", url, http), site.origin, network.clock)
    assert copied.outcome is Outcome.EXTENDED
    assert is_home(gateway, site)
    site.seal(100)
    gateway.deliver_bundles(site.bundle(site.head(begin=511)))
    assert is_home(gateway, site), "the next bundle follows on the copy"


def test_a_site_that_is_not_known_here_is_copied_whole(
    network: SiteNetwork, gateway: GatewayDesk, south: GatewayDesk, http: httpx.Client
) -> None:
    (site,) = sites_of(network, 1)
    site.seal(513)
    gateway.deliver_bundles(site.bundle())
    with served(gateway.gateway.folder) as url:
        worker = WitnessWorker(
            south.gateway,
            [HttpPeer("north", url, http)],
            new_state(network.clock),
            network.clock,
            lambda: [site.origin],
        )
        worker.step()
    assert is_home(south, site)


def test_a_peer_that_talks_too_long_says_nothing(network: SiteNetwork, gateway: GatewayDesk) -> None:
    (site,) = sites_of(network, 1)
    site.seal(300)
    gateway.deliver_bundles(site.bundle())
    asked = []

    class Talker:
        name = "globex"
        is_long = True

        def get(self, path: str, at_most: int) -> bytes | None:
            asked.append(path)
            if self.is_long:
                raise PeerTalksTooLong(f"globex: answers with more than {at_most} bytes")
            return None

    state, peer = new_state(network.clock), Talker()
    worker = WitnessWorker(gateway.gateway, [peer], state, network.clock)
    worker.step()
    worker.step()
    [alarm] = state.alarms.raised()
    assert (alarm.name, alarm.subject) == (AlarmName.PEER_UNREACHABLE, f"globex: {site.origin.text}")
    assert len(asked) == 1
    peer.is_long = False
    network.idle(3601)
    worker.step()
    assert state.alarms.raised() == []


def test_a_peer_that_lies_is_an_alarm_and_is_left_alone_for_a_while(
    network: SiteNetwork, gateway: GatewayDesk
) -> None:
    (site,) = sites_of(network, 1)
    site.seal(300)
    gateway.deliver_bundles(site.bundle())
    asked = []

    class Liar:
        name = "globex"

        def get(self, path: str, at_most: int) -> bytes | None:
            asked.append(path)
            return b"{}"

    state = new_state(network.clock)
    worker = WitnessWorker(gateway.gateway, [Liar()], state, network.clock)
    assert [worker.step() for _ in range(3)] == [IDLE_PAUSE] * 3
    [alarm] = state.alarms.raised()
    assert (alarm.name, alarm.subject) == (AlarmName.DISAGREEMENT, f"globex: {site.origin.text}")
    assert len(asked) == 1
    network.idle(3601)
    worker.step()
    assert len(asked) == 2


# --- HTTP


def test_tiles_are_kept_for_ever_and_checkpoints_asked_for_again(
    network: SiteNetwork, gateway: GatewayDesk, http: httpx.Client
) -> None:
    (site,) = sites_of(network, 1)
    site.seal(300)
    gateway.deliver_bundles(site.bundle())
    with served(gateway.gateway.folder) as url:
        tile, checkpoint, absent = (
            http.get(f"{url}/logs/{site.origin.text}/{path}")
            for path in ("tile/0/001.p/44", "checkpoint", "tile/0/001")
        )
    assert (tile.status_code, len(tile.content)) == (200, 44 * 32)
    assert tile.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert checkpoint.headers["cache-control"] == "no-cache"
    assert checkpoint.headers["content-type"] == "application/vnd.perdure.evidence+json"
    assert checkpoint.headers["etag"]
    assert absent.status_code == 404
    assert absent.headers["content-type"] == "application/problem+json"


def test_the_peers_of_the_settings_are_asked(
    network: SiteNetwork, gateway: GatewayDesk, south: GatewayDesk
) -> None:
    (site,) = sites_of(network, 1)
    site.seal(1)
    south.deliver_bundles(site.bundle())
    site.seal(299)
    gateway.deliver_bundles(site.bundle())
    state = new_state(network.clock)
    with served(gateway.gateway.folder) as url, ExitStack() as stack:
        settings = [PeerSettings(url.removesuffix("/v1")), PeerSettings("http://127.0.0.1:1/")]
        peers = connect_to_peers(settings, south.gateway.folder, stack)
        worker = WitnessWorker(south.gateway, peers, state, network.clock)
        assert worker.step() == BUSY_PAUSE
        assert worker.step() == IDLE_PAUSE
    assert is_home(south, site)
    [alarm] = state.alarms.raised()
    assert (alarm.name, alarm.subject) == (AlarmName.PEER_UNREACHABLE, "http://127.0.0.1:1")


def answering(*pieces: bytes, ends: bool = True) -> tuple[str, threading.Event]:
    """A server that sends these bytes to whoever comes first."""
    listener = socket.create_server(("127.0.0.1", 0))
    done = threading.Event()

    def work() -> None:
        with listener, listener.accept()[0] as connection:
            connection.recv(65536)
            # whoever has heard enough hangs up
            with contextlib.suppress(ConnectionError):
                for piece in pieces:
                    connection.sendall(piece)
            if not ends:
                done.wait(5)

    threading.Thread(target=work, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}/v1", done


OK = b"HTTP/1.1 200 OK\r\n\r\n"


def test_an_answer_is_read_up_to_its_bound(http: httpx.Client) -> None:
    url, _ = answering(OK, b"x" * 100)
    assert HttpPeer("p", url, http).get("a/b/checkpoint", 100) == b"x" * 100
    url, done = answering(OK, b"x" * 101, ends=False)
    with pytest.raises(PeerTalksTooLong, match="more than 100 bytes"):
        HttpPeer("p", url, http).get("a/b/checkpoint", 100)
    done.set()


def test_a_peer_that_drips_is_left(http: httpx.Client) -> None:
    ticks = iter(range(0, 10_000, 20))
    url, done = answering(OK, b"x", b"y", b"z", ends=False)
    with pytest.raises(PeerUnreachable):
        HttpPeer("p", url, httpx.Client(timeout=0.3), now=lambda: float(next(ticks))).get("a/b/c", 100)
    done.set()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf",
        b"nothing like it",
        b"",
    ],
)
def test_other_answers_say_nothing(http: httpx.Client, answer: bytes) -> None:
    url, _ = answering(answer)
    with pytest.raises(PeerUnreachable):
        HttpPeer("p", url, http).get("a/b/c", 100)


def test_nobody_there_says_nothing(http: httpx.Client) -> None:
    with pytest.raises(PeerUnreachable):
        HttpPeer("p", "http://127.0.0.1:1/v1", http).get("a/b/c", 100)
    with pytest.raises(PeerUnreachable):
        HttpPeer("p", "nonsense", http).get("a/b/c", 100)
