"""Worker processes: how the server is run, by one process or by several below a parent."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import structlog
from uvicorn import Config, Server
from uvicorn.supervisors import Multiprocess

from api.application import Application, AsgiApplication, Scope
from api.bounded_http import BoundedHttpProtocol
from api.bounded_websocket import BoundedWebSocketProtocol
from api.graphql_params import MAXIMUM_BODY
from api.log import configure_logging
from api.metrics.worker_files import count_in_memory, forget_all_but, make_room, remove, worker_files
from api.settings import Settings

_log = structlog.get_logger("token_ledger")

GRACEFUL_SECONDS = 6
"""How long requests that run may take to end after SIGTERM: a command is answered within 4.5, yes or no."""

_COLLECTED_EVERY = 10_000
"""Objects: more than the requests of a batch hold at a time, which are no garbage yet while it runs."""

_HUNG_AFTER_SECONDS = 15
"""Then the parent kills a worker that does not answer it. A machine under load can starve one for several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerFactory:
    """Makes the application of a worker; it is sent to the worker's process as it is."""

    settings: Settings
    url: str
    workers: int
    parent: int
    """The process that a worker must not outlive."""
    metrics_directory: Path | None
    """None: the metrics of several workers cannot be told."""

    def __call__(self) -> AsgiApplication:
        configure_logging(self.settings.log_format)
        if os.getppid() != self.parent:  # it died meanwhile, and what it made for its workers may be gone
            sys.exit(1)
        counts = make_room(self.metrics_directory)
        application = Application(
            # one worker's counts, told for those of all, would be wrong
            self.settings if counts else replace(self.settings, metrics_allow=()),
            self.url,
            workers=self.workers,
            metrics_directory=self.metrics_directory if counts else None,
        )
        return Worker(application, parent=self.parent, orphaned=self._remove_metrics)

    def _remove_metrics(self) -> None:
        if self.metrics_directory is not None:
            remove(self.metrics_directory)


class Worker:
    """An application as the one of its process, which it stops when its parent is gone, however it went."""

    def __init__(
        self,
        application: AsgiApplication,
        *,
        parent: int | None,
        orphaned: Callable[[], None] | None = None,
    ) -> None:
        """`orphaned` is called at the end if the parent is gone, to do what it cannot do any more."""
        self._application = application
        self._parent = parent
        self._orphaned = orphaned
        self._watch: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            try:
                await self._application(scope, receive, send)
            except asyncio.CancelledError:
                _log.warning("a request was cut off, as the server ends", path=scope["path"])
                if scope["type"] == "http":
                    await _tell_cut_off(send)
            return
        if self._parent is not None:
            self._watch = asyncio.create_task(self._until_orphaned(self._parent))

        async def send_when_settled(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "lifespan.startup.complete":
                # What was made until now stays: a collection that looked through it took up to 0.1 s.
                gc.collect()
                gc.freeze()
                gc.set_threshold(_COLLECTED_EVERY)
            await send(message)

        try:
            await self._application(scope, receive, send_when_settled)
        finally:
            if self._orphaned is not None and os.getppid() != self._parent:
                self._orphaned()

    async def _until_orphaned(self, parent: int) -> None:
        while os.getppid() == parent:  # noqa: ASYNC110 - no event comes from the system for it
            await asyncio.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)


async def _tell_cut_off(send: Any) -> None:
    """Answer that it may be tried again, unless an answer has begun."""
    with suppress(RuntimeError):
        headers = [(b"retry-after", b"1"), (b"connection", b"close"), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 503, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


def run(
    settings: Settings,
    url: str,
    listener: socket.socket,
    *,
    workers: int,
    watch_database: Callable[[], object] | None,
) -> bool:
    """Serve until SIGTERM or SIGINT; gives whether the server came up. Workers that die are replaced.

    `watch_database` is called every second: it starts the embedded PostgreSQL when it died.
    """
    if workers == 1:
        count_in_memory()
        application = Application(settings, url, watch_database=watch_database)
        server = Server(server_config(lambda: Worker(application, parent=None), workers=1))
        server.run([listener])
        return server.started
    with worker_files() as directory:
        factory = WorkerFactory(
            settings=settings,
            url=url,
            workers=workers,
            parent=os.getpid(),
            metrics_directory=directory,
        )
        config = server_config(factory, workers=workers)
        supervisor = _Supervisor(config, [listener], watch_database, directory)
        supervisor.run()
        return not supervisor.gave_up


class _Supervisor(Multiprocess):
    """The parent of the workers."""

    def __init__(
        self,
        config: Config,
        sockets: list[socket.socket],
        watch: Callable[[], object] | None,
        metrics_directory: Path | None,
    ) -> None:
        super().__init__(config, sockets)
        self._metrics_directory = metrics_directory
        self._watch = watch
        self.gave_up = False
        """Whether it ended because workers cannot start."""

    def terminate_all(self) -> None:
        for listener in self.sockets:  # else connections go on being queued, and are never answered
            listener.close()
        super().terminate_all()

    def keep_subprocess_alive(self) -> None:
        if self._watch is not None:
            try:
                self._watch()
            except Exception:  # noqa: BLE001 - it is tried again in half a second, and the workers go on
                _log.exception("the embedded PostgreSQL could not be looked after")
        before = list(self.processes)
        for worker in before:
            worker.child_conn.close()  # the worker's own end: held here, too, its death would not end a ping
        asked_to_end = self.should_exit.is_set()
        super().keep_subprocess_alive()
        self.gave_up = self.should_exit.is_set() and not asked_to_end
        for died in before:
            if died not in self.processes:
                _log.warning("a worker died and was replaced", worker=died.pid, status=died.exitcode)
        if self._metrics_directory is not None:
            living = {one.pid for one in self.processes if one.pid is not None}
            forget_all_but(self._metrics_directory, living)


def server_config(factory: Callable[[], AsgiApplication], *, workers: int) -> Config:
    """How uvicorn runs the application that the factory makes in each worker."""
    return Config(
        factory,
        factory=True,
        workers=workers,
        loop="uvloop",
        http=BoundedHttpProtocol,
        ws=BoundedWebSocketProtocol,
        ws_max_size=MAXIMUM_BODY,
        ws_per_message_deflate=False,
        ws_ping_interval=20,
        ws_ping_timeout=40,
        lifespan="on",
        interface="asgi3",
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        date_header=True,
        timeout_keep_alive=75,
        timeout_worker_healthcheck=_HUNG_AFTER_SECONDS,
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
        backlog=2048,
    )
