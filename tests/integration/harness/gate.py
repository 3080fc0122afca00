"""A TCP gate between a program and its server: it can be shut and opened while they talk."""

from __future__ import annotations

import socket
import threading


class Gate:
    """Forwards connections to `target` ("host:port"). Threads of its own; close() ends them.

    shut() breaks what goes through and refuses what comes; stall() keeps connections but forwards
    nothing, as a network does that drops packets; open() ends both.
    """

    def __init__(self, target: str):
        host, port = target.rsplit(":", 1)
        self.target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._lock = threading.Lock()
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._shut = False
        self._flowing = threading.Event()
        self._flowing.set()
        threading.Thread(target=self._accept, daemon=True).start()

    def shut(self) -> None:
        with self._lock:
            self._shut = True
            for pair in self._pairs:
                _break(pair)

    def stall(self) -> None:
        self._flowing.clear()

    def open(self) -> None:
        with self._lock:
            self._shut = False
        self._flowing.set()

    def close(self) -> None:
        self._listener.close()
        self.open()
        with self._lock:
            for pair in self._pairs:
                _break(pair)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                refused = self._shut
            if refused:
                client.close()
            else:
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self.target, 5)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        pair = (client, server)
        with self._lock:
            self._pairs.add(pair)
        back = threading.Thread(target=self._pump, args=(server, client), daemon=True)
        back.start()
        self._pump(client, server)
        back.join()
        with self._lock:
            self._pairs.discard(pair)
        for side in pair:
            side.close()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                self._flowing.wait()
                sink.sendall(data)
        except OSError:
            pass
        _break((source, sink))


def _break(pair: tuple[socket.socket, socket.socket]) -> None:
    for side in pair:
        try:
            side.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
