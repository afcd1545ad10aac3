"""`python -m matstudio.station.relay RUN_DIRECTORY`: stands in a run's directory for a station on another computer, so
that a window here works on it as on one of its own. Frames do not come this way."""

from __future__ import annotations

import contextlib
import sys
import threading
from pathlib import Path

import zmq

from matstudio.bus import keys, processes, wire
from matstudio.bus.rundir import DEVICE, STATION, Run
from matstudio.station.gateway import published

_POLL_MS = 20


def body(run: Run, stop: threading.Event) -> None:
    """Pass commands out and publications in until `stop` is set.

    Raises:
        BadKey: there is no key for that station.
    """
    path = run.options.get("key")
    secure, address = keys.client(Path(path) if path else None), run.instrument
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context.instance()
    far = {process: context.socket(zmq.DEALER) for process in (STATION, DEVICE)}
    near = {process: context.socket(zmq.ROUTER) for process in (STATION, DEVICE)}
    into, out = context.socket(zmq.SUB), context.socket(zmq.PUB)
    sockets = [*far.values(), *near.values(), into, out]
    poller = zmq.Poller()
    for socket in sockets:
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.MAXMSGSIZE, wire.MAX_BYTES)
    for process, socket in far.items():
        secure(socket)
        socket.setsockopt(zmq.IMMEDIATE, 1)
        socket.connect(address)
        near[process].bind(run.socket(process, "cmd"))
    secure(into)
    into.subscribe("")
    into.connect(published(address))
    out.bind(run.socket(STATION, "pub"))
    for socket in (*far.values(), *near.values(), into):
        poller.register(socket, zmq.POLLIN)
    pairs = [(into, out), *((near[p], far[p]) for p in near), *((far[p], near[p]) for p in near)]
    try:
        while not stop.is_set():
            ready = dict(poller.poll(_POLL_MS))
            for source, sink in pairs:
                if source in ready:
                    with contextlib.suppress(zmq.Again, zmq.ZMQError):  # a station that is away takes nothing
                        sink.send_multipart(source.recv_multipart(zmq.NOBLOCK), zmq.NOBLOCK)
    finally:
        for socket in sockets:
            socket.close(0)


def main() -> int:
    """Exit code of the process: 0 done, 2 there is no key."""
    try:
        return processes.main(STATION, body)
    except (keys.BadKey, zmq.ZMQError) as error:
        print(f"relay: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
