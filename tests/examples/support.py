"""What the tests of the examples share: a program under test, and sockets to talk to it.

Every wait here is bounded and ends in a failure, and every program started is ended by its own pid.
EXAMPLE_WRAPPER in the environment is put in front of the program: "valgrind -q --error-exitcode=9".

SPDX-License-Identifier: MIT
"""
import os
import re
import shlex
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest

PATIENCE = 60.0  # seconds until something that should have happened is given up for lost
PROGRAM = ""


def run_tests():
    """The program's path is the first argument; the rest is unittest's."""
    global PROGRAM
    if len(sys.argv) < 2:
        sys.exit("usage: %s PROGRAM" % sys.argv[0])
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main(module="__main__", verbosity=2)


class Program:
    """A running example, ended with the block it is used in."""

    def __init__(self, *args, **popen):
        command = shlex.split(os.environ.get("EXAMPLE_WRAPPER", "")) + [PROGRAM, *args]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, **popen)
        self.output = ""
        self.changed = threading.Condition()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.reader.join()
        self.process.stdout.close()

    def _read(self):
        for line in self.process.stdout:
            with self.changed:
                self.output += line.decode(errors="replace")
                self.changed.notify_all()

    def wait_for(self, pattern, after=0):
        """Wait until the output has `pattern` in it, and return the match."""
        end = time.monotonic() + PATIENCE
        with self.changed:
            while True:
                match = re.compile(pattern).search(self.output, after)
                if match:
                    return match
                if time.monotonic() > end or not self.reader.is_alive():
                    raise AssertionError("no %r in:\n%s" % (pattern, self.output))
                self.changed.wait(0.1)

    def signal(self, signo):
        self.process.send_signal(signo)

    def end(self, signo=None):
        """Send a signal, if one is given, and wait for the end. Returns the exit status."""
        if signo is not None:
            self.signal(signo)
        status = self.process.wait(PATIENCE)
        self.reader.join(PATIENCE)
        return status

    def cpu_time(self):
        """Seconds of processor time used so far, where the system tells it; else 0."""
        try:
            with open("/proc/%d/stat" % self.process.pid) as stat:
                fields = stat.read().rsplit(")", 1)[1].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Server(Program):
    """A server that prints 127.0.0.1:PORT once it listens."""

    def __init__(self, *args, **popen):
        super().__init__("--port", "0", *args, **popen)
        try:
            self.port = int(self.wait_for(r"127\.0\.0\.1:(\d+)").group(1))
        except BaseException:
            self.__exit__()
            raise

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE)


def receive_all(sock):
    """Everything up to the end of the stream. A reset is an end, too."""
    data = bytearray()
    while True:
        try:
            piece = sock.recv(65536)
        except ConnectionError:
            return bytes(data)
        if not piece:
            return bytes(data)
        data += piece


def receive_exactly(sock, size):
    data = bytearray()
    while len(data) < size:
        piece = sock.recv(min(65536, size - len(data)))
        if not piece:
            raise AssertionError("end of stream after %d of %d bytes" % (len(data), size))
        data += piece
    return bytes(data)


def reset(sock):
    """Close it so that the peer gets a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


TERM = signal.SIGTERM
INT = signal.SIGINT
