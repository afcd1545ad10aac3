"""A bridge's server for a microscope's PC: Python 3.8 or later and numpy, nothing else.

    python server.py [--host 127.0.0.1] [--port 5026] [--key KEYFILE]

Replace `Microscope` by what reads and sets your instrument (GMS, TEMScripting, PyJEM, a heating holder's library):
its four methods are all that the rest asks for. As it stands it plays a small furnace and a camera.
Without a key it serves this computer alone. docs/bridge.md describes the protocol.
"""

import argparse
import hashlib
import hmac
import json
import secrets
import socket
import threading
import time

import numpy as np

WATCHDOG_S = 1.5


class Microscope:
    """A furnace of first order, a beam and a camera that counts.

    The server calls everything from one thread at a time.
    """

    name = "Bridge example"

    def __init__(self):
        self.kelvin, self.power, self.beam = 300.0, 0.0, 1.0
        self.at = time.monotonic()
        self.random = np.random.default_rng(0)

    def read(self):
        """name -> (value, unit, age in seconds, severity 0 to 3, text)"""
        now = time.monotonic()
        self.kelvin += (300.0 + 650.0 * self.power - self.kelvin) * min(1.0, (now - self.at) / 60.0)
        self.at = now
        hot = 2 if self.kelvin > 880.0 else 0
        return {
            "temperature": (self.kelvin + 0.3 * self.random.standard_normal(), "K", 0.0, hot, "too hot" if hot else ""),
            "heater": (self.power, "1", 0.0, 0, ""),
            "beam": (self.beam, "1", 0.0, 0, ""),
            "dose_rate": (1000.0 * self.beam, "e/A2/s", 0.0, 0, ""),
        }

    def write(self, name, value, unit):
        """Set a value; raise ValueError, with one line, where that cannot be."""
        if unit != "1" or not 0.0 <= value <= 1.0:
            raise ValueError(f"{name} {value!r} {unit}: not within 0 to 1")
        if name == "heater":
            self.power = value
        elif name == "beam":
            self.beam = value
        else:
            raise ValueError(f"no actuator {name!r}")

    def safe(self):
        """The heater off and the beam blanked; called when no heartbeat has come for 1.5 s, and at a client's end."""
        self.power = self.beam = 0.0

    def frames(self):
        """stream -> (number, data), the newest of each; the number rises by one with each frame."""
        number = int(time.monotonic() * 20)
        data = np.full((64, 64), number % 1000, np.uint16) if self.beam else np.zeros((64, 64), np.uint16)
        return {"camera": (number, data)}


class Server:
    """Serves one client at a time."""

    def __init__(self, microscope, host, port, key):
        if not key and host not in ("127.0.0.1", "localhost", "::1"):
            raise SystemExit("without --key only this computer is served: --host 127.0.0.1")
        self.microscope, self.key = microscope, key
        self.listener = socket.create_server((host, port))
        self.lock = threading.Lock()
        self.beaten = -1e9
        threading.Thread(target=self.watch, daemon=True).start()

    def watch(self):
        """The watchdog."""
        alive = False
        while True:
            time.sleep(0.1)
            before, alive = alive, time.monotonic() - self.beaten < WATCHDOG_S
            if before and not alive:
                with self.lock:
                    self.microscope.safe()

    def serve(self):
        """One client after the other, for ever."""
        while True:
            client, address = self.listener.accept()
            client.settimeout(5.0)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                self.talk(client)
            except (OSError, ValueError, KeyError) as error:
                print(f"{address[0]}: {error}", flush=True)
            finally:
                client.close()
                self.beaten = -1e9
                with self.lock:
                    self.microscope.safe()

    def proof(self, nonce):
        """As the client's: it shows who has the key."""
        return hmac.new(self.key, nonce.encode(), hashlib.sha256).hexdigest()

    def talk(self, client):
        """With one client, until it ends."""
        nonce, known, names, sent = secrets.token_hex(16), False, [], {}
        send(client, {"bridge": 1, "name": self.microscope.name, "nonce": nonce})
        for line in client.makefile("rb"):
            asked = json.loads(line)
            answer = {"id": asked["id"]}
            do = asked["do"]
            if do == "hello":
                known = not self.key or hmac.compare_digest(str(asked.get("proof")), self.proof(nonce))
                answer.update({"proof": self.proof(str(asked.get("nonce")))} if known else {"error": "wrong key"})
            elif not known:
                answer["error"] = "say hello first"
            elif do == "read":
                with self.lock:
                    values = self.microscope.read()
                keys = ("value", "unit", "age", "severity", "text")
                told = {name: values[name] for name in asked["names"] if name in values}
                answer["values"] = {name: dict(zip(keys, value)) for name, value in told.items()}  # noqa: B905
            elif do == "write":
                try:
                    if asked["name"] == "heartbeat":
                        self.beaten = time.monotonic()
                    else:
                        if asked["name"] == "heater" and time.monotonic() - self.beaten > WATCHDOG_S and asked["value"]:
                            raise ValueError("no heartbeat")
                        with self.lock:
                            self.microscope.write(asked["name"], float(asked["value"]), asked["unit"])
                except ValueError as error:
                    answer["error"] = str(error)
            elif do == "stream":
                names = asked["names"]
            else:
                answer["error"] = f"what is {do!r}?"
            if names:
                with self.lock:
                    frames = self.microscope.frames()
                for name in names:
                    number, data = frames[name]
                    if number != sent.get(name):
                        sent[name] = number
                        head = {"frame": name, "number": number, "age": 0.0}
                        head.update(shape=data.shape, dtype=data.dtype.name)
                        send(client, head, np.ascontiguousarray(data, data.dtype.newbyteorder("<")).tobytes())
            send(client, answer)


def send(client, message, data=b""):
    """A line of JSON, and bytes behind it."""
    client.sendall(json.dumps(message).encode() + b"\n" + data)


def main():
    """Serve until the end."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5026)
    parser.add_argument("--key", default="", help="a file that holds the key, the same on both sides")
    arguments = parser.parse_args()
    key = b""
    if arguments.key:
        with open(arguments.key, "rb") as file:
            key = file.read().strip()
    server = Server(Microscope(), arguments.host, arguments.port, key)
    print("ready", flush=True)
    server.serve()


if __name__ == "__main__":
    main()
