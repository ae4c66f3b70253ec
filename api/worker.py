"""Worker processes: how the server is run, by one process or by several below a parent."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from uvicorn import Config, Server
from uvicorn.supervisors import Multiprocess

from api.application import Application, AsgiApplication, Scope
from api.log import configure_logging
from api.settings import Settings

GRACEFUL_SECONDS = 8
"""How long requests that run may take to end after SIGTERM."""


class PortTakenError(Exception):
    """The address cannot be listened on; one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerFactory:
    """Makes the application of a worker; it is sent to the worker's process as it is."""

    settings: Settings
    url: str
    workers: int
    parent: int | None = None
    """The process that a worker must not outlive; None: it is the only one."""

    def __call__(self) -> AsgiApplication:
        if self.parent is None:
            return Application(self.settings, self.url)
        configure_logging(self.settings.log_format)
        application = Application(self.settings, self.url, workers=self.workers)
        return _EndsWithParent(application, self.parent)


class _EndsWithParent:
    """An application that stops its process when the parent is gone, however it went."""

    def __init__(self, application: AsgiApplication, parent: int) -> None:
        self._application = application
        self._parent = parent
        self._watch: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: object, send: object) -> None:
        if scope["type"] == "lifespan":
            self._watch = asyncio.create_task(self._until_orphaned())
        await self._application(scope, receive, send)

    async def _until_orphaned(self) -> None:
        while os.getppid() == self._parent:  # noqa: ASYNC110 - no event comes from the system for it
            await asyncio.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        PortTakenError: the port is taken, or the address is not of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        with suppress(OSError):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
    except OSError as error:
        raise PortTakenError(
            f"cannot listen on {host} port {port} ({error.strerror}): give another --host or --port"
        ) from None
    listener.set_inheritable(True)
    return listener


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
    factory = WorkerFactory(
        settings=settings, url=url, workers=workers, parent=os.getpid() if workers > 1 else None
    )
    if workers == 1:
        application = Application(settings, url, watch_database=watch_database)
        server = Server(server_config(lambda: application, workers=1))
        server.run([listener])
        return server.started
    supervisor = _Supervisor(server_config(factory, workers=workers), [listener], watch_database)
    supervisor.run()
    return True


class _Supervisor(Multiprocess):
    """The parent of the workers."""

    def __init__(
        self, config: Config, sockets: list[socket.socket], watch: Callable[[], object] | None
    ) -> None:
        super().__init__(config, sockets)
        self._watch = watch

    def keep_subprocess_alive(self) -> None:
        if self._watch is not None:
            self._watch()
        super().keep_subprocess_alive()


def server_config(factory: Callable[[], AsgiApplication], *, workers: int) -> Config:
    """How uvicorn runs the application that the factory makes in each worker."""
    return Config(
        factory,
        factory=True,
        workers=workers,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        interface="asgi3",
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        date_header=True,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
        backlog=2048,
        h11_max_incomplete_event_size=64 * 1024,
    )
