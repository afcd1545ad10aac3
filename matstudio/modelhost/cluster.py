"""The pieces of a job on Dask: on processes of its own, or on those that a scheduler elsewhere has.

Dask pickles what it sends, and runs what it is sent: whoever can reach a scheduler can act as the one who uses it.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import re
import signal
import socket
import tempfile
import warnings
from collections.abc import Callable, Iterator
from multiprocessing import resource_tracker
from types import TracebackType
from typing import Any

from matstudio import __version__
from matstudio.bus.processes import ONE_THREAD
from matstudio.modelhost.batch import OtherModels
from matstudio.modelhost.schedule import Piece, WorkerLost

LOCAL_WORKERS = 2
CONNECT_S, WORKER_S = 5.0, 20.0
ENVIRON = ONE_THREAD | dict.fromkeys(("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"), str(256 * 2**20))
"""Of the workers. As Dask would have it, malloc gives back to the system what torch asks for again with every frame."""


class Cluster:
    """A pool (`schedule.Pool`) of Dask workers; use it as a context.

    Args:
        scheduler: "local" for two workers of its own, "local:N" for N, or "tcp://HOST:PORT" of a scheduler that is
            there; its workers must see the same files under the same paths.

    Raises:
        ValueError: another text, Dask is not installed, no scheduler answers, or it has no worker with this MatStudio.
    """

    def __init__(self, scheduler: str) -> None:
        local = re.fullmatch(r"local(?::([1-9]\d{0,2}))?", scheduler)
        if not local and not re.fullmatch(r"(tcp|tls)://\S+:\d+", scheduler):
            raise ValueError(f"--scheduler {scheduler}: not one of local, local:WORKERS, tcp://HOST:PORT")
        try:
            import dask
            import distributed
        except ImportError:
            raise ValueError("--scheduler: Dask is not installed: pip install 'matstudio[batch]'") from None
        self._scheduler, self._distributed = scheduler, distributed
        self._pieces: dict[str, Piece] = {}
        self._count = itertools.count()
        for name in ("distributed", "distributed.worker", "distributed.nanny", "distributed.client", "tornado"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        with contextlib.ExitStack() as opened:
            if local:
                self.workers = int(local[1] or LOCAL_WORKERS)
                folder = opened.enter_context(tempfile.TemporaryDirectory(prefix="matstudio-dask-"))
                choices = {"logging.distributed": "critical", "temporary-directory": folder}
                opened.enter_context(dask.config.set({**choices, "distributed.nanny.pre-spawn-environ": ENVIRON}))
                self._client = opened.enter_context(self._own())
            else:
                self._client = opened.enter_context(self._foreign())
                self.workers = self._greeted()
            self._futures = distributed.as_completed(loop=self._client.loop)
            self._opened = opened.pop_all()

    @contextlib.contextmanager
    def _own(self) -> Iterator[Any]:
        """A client of workers that are made now and go with it."""
        with _deaf_children():
            cluster = self._distributed.LocalCluster(
                n_workers=self.workers,
                threads_per_worker=1,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                silence_logs=logging.CRITICAL,
            )
        with cluster, self._distributed.Client(cluster, set_as_default=False) as client:
            yield client

    def _foreign(self) -> Any:
        host, _, port = self._scheduler.partition("://")[2].rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), CONNECT_S).close()  # Dask would try for long
            return self._distributed.Client(self._scheduler, timeout=CONNECT_S, set_as_default=False)
        except (OSError, OverflowError):
            raise ValueError(f"{self._scheduler}: no scheduler answers within {CONNECT_S:g} s") from None

    def _greeted(self) -> int:
        """How many workers there are, all with this MatStudio."""
        try:
            self._client.wait_for_workers(1, timeout=WORKER_S)
            versions = set(self._client.run(_version).values())
        except TimeoutError:
            raise ValueError(f"{self._scheduler}: it has no worker") from None
        except Exception as error:  # noqa: BLE001  the border to Dask, which raises what its workers did
            line = f"{self._scheduler}: its workers have no MatStudio {__version__}: {error}"
            raise ValueError(" ".join(line.split())) from None
        if versions != {__version__}:
            raise ValueError(f"{self._scheduler}: its workers have MatStudio {', '.join(versions)}, not {__version__}")
        return len(self._client.scheduler_info(n_workers=-1)["workers"])

    def submit(self, piece: Piece) -> None:
        """Take a piece."""
        key = f"{piece.call.__name__}-{piece.works[0].number}-{next(self._count)}"
        self._pieces[key] = piece
        arguments = (piece.call, *piece.arguments)
        self._futures.add(self._client.submit(_plainly, *arguments, key=key, pure=False, priority=-piece.rank))

    def results(self) -> Iterator[tuple[Piece, Any]]:
        """Wait for them."""
        for future in self._futures:
            piece = self._pieces.pop(future.key)
            if future.status in ("cancelled", "lost"):
                raise ValueError(f"{self._scheduler}: the scheduler is gone; --resume goes on")
            error = future.exception()
            if isinstance(error, self._distributed.KilledWorker):
                error = WorkerLost("the process that read it died, as did others that tried")
            got = future.result() if error is None else error
            future.release()
            yield piece, got

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._client.cancel(self._futures.futures)
            self._opened.close()


def _plainly(call: Callable[..., Any], *arguments: Any) -> Any:
    """What a piece gives. Its exceptions come back as one that can be pickled."""
    try:
        return call(*arguments)
    except OtherModels:
        raise
    except Exception as error:  # noqa: BLE001  the border to readers and models; told by who asked
        raise ValueError(str(error) or type(error).__name__) from None


def _version() -> str:
    return __version__


@contextlib.contextmanager
def _deaf_children() -> Iterator[None]:
    """Have the processes that threads made here start not hear Ctrl-C, which a terminal sends to all: who started them
    decides. They inherit the mask of signals."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # which would unblock it
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
