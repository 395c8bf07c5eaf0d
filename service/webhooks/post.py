"""The HTTP of a delivery: one POST, to an address that may be sent to, answered within seconds or not at all.

Loopback and private addresses are allowed: a studio's own tools live there. Link-local ones are not: under them, clouds
give their machines' credentials to whoever asks from inside. A name is looked up here, and the connection is made to
the address that was checked. Redirects are not followed, and of the answer only its status is kept.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from shared.errors import InputError

SECONDS = 10.0
"""How long a receiver may take, from connecting to the end of its answer."""
_MOST_READ = 1 << 16
"""Bytes of an answer that are waited for."""
_PORTS = {"http": 80, "https": 443}
_LINK_LOCAL = [
    ipaddress.ip_network(text)
    # The last two: Amazon's metadata under IPv6, and IPv4 addresses behind NAT64 (RFC 6052).
    for text in ("169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128", "64:ff9b::a9fe:0/112")
]


@dataclass(frozen=True)
class Outcome:
    """What came of a try: the status that was answered, where it was, and why it failed, where it did."""

    status: int | None
    error: str
    seconds: float = 0.0

    @property
    def is_delivered(self) -> bool:
        return not self.error


class _RefusedAddressError(OSError):
    """An address that is not sent to."""


def check_url(url: str) -> None:
    """Raises InputError for a URL that nothing can be sent to. Whither its name leads is looked up at each try."""
    fault = ""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit("http://invalid"), 0
    if parts.scheme not in _PORTS or not parts.hostname:
        fault = "must begin with http:// or https:// and name a host"
    elif parts.username is not None or parts.password is not None:
        fault = "must hold no user and no password; messages are signed"
    elif port == 0:
        fault = "has no valid host or port"
    elif _is_refused(parts.hostname):
        fault = "is a link-local address, which is not sent to"
    if fault:
        raise InputError(
            f"The address {fault}.", hint="Give it like https://bot.studio.example/raceway.", fields={"url": fault}
        )


def post(url: str, body: bytes, headers: Mapping[str, str]) -> Outcome:
    """Send ``body``; whatever goes wrong is in the answer. A status from 200 to 299 means that it was taken."""
    began = time.monotonic()
    status: int | None = None
    try:
        status = _post(urlsplit(url), body, headers)
        # In words of our own: an answer's may be anything.
        error = "" if 200 <= status < 300 else f"answered {status} {http.client.responses.get(status, '')}".strip()
        if 300 <= status < 400:
            error += "; redirects are not followed"
    except (OSError, http.client.HTTPException, ValueError) as failure:
        error = _in_words(failure, time.monotonic() - began)
    return Outcome(status, error[:500], round(time.monotonic() - began, 3))


def _post(url: SplitResult, body: bytes, headers: Mapping[str, str]) -> int:
    host, port = url.hostname or "", url.port or _PORTS[url.scheme]
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    with _connected(host, port) as plain, _ended_in_time(plain), closing(_secured(plain, url.scheme, host)) as line:
        connection = kind(host, port)
        connection.sock = line
        target = f"{url.path or '/'}{f'?{url.query}' if url.query else ''}"
        connection.request("POST", target, body, {**headers, "Connection": "close"})
        with closing(connection.getresponse()) as answer:
            answer.read(_MOST_READ)
            return answer.status


@contextmanager
def _connected(host: str, port: int) -> Iterator[socket.socket]:
    """A connection to the first address of ``host`` that takes one."""
    failure, until = OSError("it has no address"), time.monotonic() + SECONDS
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        if _is_refused(str(address[0])):
            failure = _RefusedAddressError(f"{host} is at {address[0]}, a link-local address, which is not sent to")
            continue
        with socket.socket(family, kind, protocol) as line:
            try:
                line.settimeout(max(0.1, until - time.monotonic()))
                line.connect(address)
            except OSError as error:
                failure = error
                continue
            line.settimeout(SECONDS)
            yield line
            return
    raise failure


@contextmanager
def _ended_in_time(line: socket.socket) -> Iterator[None]:
    """Cut the line after some seconds: a receiver that sends a byte now and then would never be timed out."""
    duplicate, was_cut = line.dup(), threading.Event()

    def cut() -> None:
        was_cut.set()
        with suppress(OSError):  # it may have ended just now
            duplicate.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(SECONDS, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        duplicate.close()
        if was_cut.is_set():  # what came before may look like a whole answer
            raise TimeoutError


def _secured(line: socket.socket, scheme: str, host: str) -> socket.socket:
    return ssl.create_default_context().wrap_socket(line, server_hostname=host) if scheme == "https" else line


def _is_refused(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False  # a name
    inner = getattr(found, "ipv4_mapped", None) or found
    return any(inner in network for network in _LINK_LOCAL if network.version == inner.version)


def _in_words(failure: Exception, seconds: float) -> str:
    if isinstance(failure, TimeoutError) or seconds >= SECONDS:
        return f"did not answer within {SECONDS:.0f} seconds"
    if isinstance(failure, socket.gaierror):
        return "its name cannot be looked up"
    if isinstance(failure, ConnectionRefusedError):
        return "nothing listens there: the connection was refused"
    if isinstance(failure, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {failure.verify_message}"
    if isinstance(failure, ConnectionError):
        return "it closed the connection without an answer"
    if isinstance(failure, http.client.HTTPException | ValueError):
        return "what it answered is not HTTP"
    return str(failure)
