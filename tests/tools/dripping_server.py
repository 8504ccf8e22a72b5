"""A server that sends what it has to say a byte at a time, for ever: no byte is late, and the answer never comes."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import chain, repeat
from typing import Final

# seconds between two bytes
PAUSE: Final = 0.05
HEADERS: Final = b"HTTP/1.1 200 OK\r\nX-A: "
# chunks whose extension never ends: no piece of the body comes either
BODY: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1;"
# the beginning of a record of a handshake that says to be 16 KB long
HANDSHAKE: Final = b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc"


@contextmanager
def dripping_server(at_once: bytes = HEADERS) -> Iterator[str]:
    """The host and port of a server that answers each connection with these bytes, and drips from then on."""
    stopping = threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def drip(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(65536)
            for piece in chain([at_once], repeat(b"a")):
                connection.sendall(piece)
                if stopping.wait(PAUSE):
                    return

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                if stopping.is_set():
                    connection.close()
                    return
                threads.append(threading.Thread(target=drip, args=(connection,), daemon=True))
                threads[-1].start()

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    host, port = listening.getsockname()
    try:
        yield f"{host}:{port}"
    finally:
        stopping.set()
        with suppress(OSError), socket.create_connection((host, port)):
            pass
        listening.close()
        for thread in (accepting, *threads):
            thread.join()
