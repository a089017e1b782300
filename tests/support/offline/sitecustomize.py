"""In every Python that has this folder on PYTHONPATH, sockets reach this machine alone; its command goes into a log."""

import os
import socket
import sys

HERE = ("127.0.0.1", "::1", "localhost", socket.gethostname(), "", None)
resolve = socket.getaddrinfo


def check(host):
    if isinstance(host, bytes):
        host = host.decode()
    if host not in HERE:
        raise OSError(f"sockets are blocked, found a connection to {host}")


class Socket(socket.socket):
    """A socket that connects to this machine alone."""

    def connect(self, address):
        check(address[0] if isinstance(address, tuple) else None)
        return super().connect(address)

    def connect_ex(self, address):
        check(address[0] if isinstance(address, tuple) else None)
        return super().connect_ex(address)


def getaddrinfo(host, *arguments, **named):
    check(host)
    return resolve(host, *arguments, **named)


socket.socket, socket.getaddrinfo = Socket, getaddrinfo
with open(os.environ["OFFLINE_LOG"], "a") as log:
    log.write(" ".join(sys.orig_argv) + "\n")
