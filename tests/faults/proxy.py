"""A TCP proxy between a client and a server that does to them what networks do."""

from __future__ import annotations

import random
import re
import socket
import struct
import threading
import time
from collections.abc import Callable
from types import TracebackType

#: What is done to a piece on its way: the pieces that go on instead; a `Cut` ends the connection.
Treatment = Callable[[bytes], bytes]

GARBAGE = (
    *(b"\x00\xff\x7fgarbage\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"$not-a-length\r\n", b":no number\r\n"),
    *(b"*99999999999\r\n", b"$-7\r\n", b"%1\r\n+a\r\n", b"+OK\r\n+OK\r\n+OK\r\n", b"\r\n\r\n"),
)


class Cut(Exception):  # noqa: N818 - nothing is wrong: it is what was asked for
    """The connection ends here, after `rest` has still gone on; with a reset where `reset` says so."""

    def __init__(self, rest: bytes = b"", reset: bool = False) -> None:
        super().__init__()
        self.rest = rest
        self.reset = reset


def passing(piece: bytes) -> bytes:
    return piece


class Proxy:
    """Forwards connections to `target`, an address or a socket's path.

    `to_server` and `to_client` may be changed at any time.
    """

    def __init__(self, target: tuple[str, int] | str) -> None:
        self.target = target
        self.to_server: Treatment = passing
        self.to_client: Treatment = passing
        self.piece_bytes, self.pause_s = 65_536, 0.0
        self.is_open = threading.Event()
        self.is_open.set()
        # Pieces that have come while nothing went on, and where they go nowhere any more.
        self.held = 0
        self._is_severed = False
        self.connections = self.cuts = 0
        self._pairs: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.is_open.set()
        for ended in (self._listening, *self._pairs):
            end(ended)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def sever(self) -> None:
        """End all connections instead of passing on what was held."""
        self._is_severed = True
        self.is_open.set()

    def heal(self) -> None:
        """Do nothing any more but forward."""
        self.to_server = self.to_client = passing
        self.piece_bytes, self.pause_s = 65_536, 0.0
        self.is_open.set()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
                server = self._connected()
            except OSError:
                if self._listening.fileno() == -1:
                    return
                end(client)
                continue
            self.connections += 1
            self._pairs += (client, server)
            for source, sink, is_reply in ((client, server, False), (server, client, True)):
                threading.Thread(target=self._forward, args=(source, sink, is_reply), daemon=True).start()

    def _connected(self) -> socket.socket:
        if not isinstance(self.target, str):
            return socket.create_connection(self.target)
        server = socket.socket(socket.AF_UNIX)
        server.connect(self.target)
        return server

    def _forward(self, source: socket.socket, sink: socket.socket, is_reply: bool) -> None:
        try:
            while piece := source.recv(65_536):
                self.held += not self.is_open.is_set()
                self.is_open.wait()
                if self._is_severed:
                    raise Cut
                self._send(sink, (self.to_client if is_reply else self.to_server)(piece))
        except Cut as cut:
            self.cuts += 1
            self._end_with(cut, source, sink)
        except OSError:
            pass
        finally:
            end(source)
            end(sink)

    def _send(self, sink: socket.socket, content: bytes) -> None:
        for first in range(0, len(content), self.piece_bytes):
            if self.pause_s:
                time.sleep(self.pause_s)
            sink.sendall(content[first : first + self.piece_bytes])

    def _end_with(self, cut: Cut, source: socket.socket, sink: socket.socket) -> None:
        try:
            sink.sendall(cut.rest)
            if cut.reset:
                for ended in (source, sink):
                    ended.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    ended.close()
        except OSError:
            pass


def end(ended: socket.socket) -> None:
    """Shut a connection down, then close it: without the first, a thread that reads keeps it open, silently."""
    try:
        ended.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    ended.close()


# What may be done to pieces


def losing(chance: float, at_most: int = 10**9, seed: int = 1) -> Treatment:
    """Lose what a script answered, after the server has done what was asked, with a chance from 0 to 1."""
    chosen, left = random.Random(seed), [at_most]

    def treat(piece: bytes) -> bytes:
        if left[0] > 0 and SCRIPTED.match(piece) and chosen.random() < chance:
            left[0] -= 1
            raise Cut
        return piece

    return treat


def halving(chance: float, reset: bool = False, seed: int = 2) -> Treatment:
    """Let half of a piece through, then cut; with a reset where asked for."""
    chosen = random.Random(seed)

    def treat(piece: bytes) -> bytes:
        if chosen.random() < chance:
            raise Cut(piece[: len(piece) // 2], reset)
        return piece

    return treat


def spoiling() -> Treatment:
    """Send garbage in place of the first replies of a script, each kind once."""
    kinds = iter(GARBAGE)
    return lambda piece: next(kinds, piece) if SCRIPTED.match(piece) else piece


def severed(piece: bytes) -> bytes:
    """Let nothing through any more."""
    raise Cut


#: How our script answers: whether it applied, and where the cursor stands.
SCRIPTED = re.compile(rb"\*2\r\n:[01]\r\n")


# Networks: what a proxy is told to do, by the row and what it says there


def lose_every_reply(network: Proxy) -> None:
    network.to_client = losing(1.0, at_most=5)


def lose_the_first_reply(network: Proxy) -> None:
    network.to_client = losing(1.0, at_most=1)


def lose_replies_at_random(network: Proxy) -> None:
    network.to_client = losing(0.4)


def cut_requests_half_way(network: Proxy) -> None:
    network.to_server = halving(0.15)


def cut_replies_half_way(network: Proxy) -> None:
    network.to_client = halving(0.15)


def reset(network: Proxy) -> None:
    network.to_server = halving(0.15, reset=True)


def trickle(network: Proxy) -> None:
    network.piece_bytes = 1


def narrow(network: Proxy) -> None:
    network.piece_bytes, network.pause_s = 1000, 0.02


def delay(network: Proxy) -> None:
    network.pause_s = 0.1


def spoil(network: Proxy) -> None:
    network.to_client = spoiling()


def half_open(network: Proxy) -> None:
    network.is_open.clear()
    threading.Timer(1.5, network.is_open.set).start()


NETWORKS = {
    ("7", "the first five replies lost after the server executed the requests"): lose_every_reply,
    ("7", "the first reply lost"): lose_the_first_reply,
    ("7", "40 % of replies lost"): lose_replies_at_random,
    ("8", "connection closed in the middle of a request"): cut_requests_half_way,
    ("8", "connection closed in the middle of a reply"): cut_replies_half_way,
    ("8", "connection reset (RST) in the middle of a request"): reset,
    ("8", "data arrives byte by byte"): trickle,
    ("8", "50 kB/s: a batch takes longer than the reply timeout"): narrow,
    ("8", "200 ms round-trip time"): delay,
    ("8", "the first nine replies replaced by nine kinds of garbage"): spoil,
    ("9", "half-open for 1.5 s, then the delayed data arrives"): half_open,
}
