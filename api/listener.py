"""The address that the server listens on."""

from __future__ import annotations

import socket
from contextlib import suppress

from api.settings import Settings


class PortTakenError(Exception):
    """The address cannot be listened on; one line."""


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
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no name of a host"
        raise PortTakenError(
            f"cannot listen on {host} port {port} ({reason}): give another --host or --port"
        ) from None
    listener.set_inheritable(True)
    return listener


def address_of(settings: Settings) -> str:
    """The URL of the server on this machine."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.port}"
