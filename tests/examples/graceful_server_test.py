"""graceful_server, with clients that end by themselves and clients that do not.

SPDX-License-Identifier: MIT
"""
import socket
import threading
import time
import unittest

import support
from support import INT, TERM, Program, Server, receive_all, receive_exactly, reset

IDLE = b"bye: idle for too long\n"
STOPS = b"bye: the server stops\n"


def ask(sock, line):
    sock.sendall(line)
    return receive_exactly(sock, len(line))


class ServiceTest(unittest.TestCase):
    def test_lines_come_back_in_capitals(self):
        with Server() as server, server.connect() as client:
            self.assertEqual(ask(client, b"hello\n"), b"HELLO\n")
            self.assertEqual(ask(client, b"one\ntwo\n\n"), b"ONE\nTWO\n\n")
            client.sendall(b"in ")
            time.sleep(0.05)
            client.sendall(b"pieces\nand")
            self.assertEqual(receive_exactly(client, 10), b"IN PIECES\n")
            client.sendall(b" so on\n")
            self.assertEqual(receive_exactly(client, 10), b"AND SO ON\n")

    def test_a_half_closed_client_gets_everything_then_the_end(self):
        data = b"some line, not too short\n" * 100000
        with Server() as server, server.connect() as client:
            def send():
                client.sendall(data + b"no line")
                client.shutdown(socket.SHUT_WR)
            sender = threading.Thread(target=send)
            sender.start()
            self.assertEqual(receive_all(client), data.upper())
            sender.join()

    def test_a_connection_that_breaks_disturbs_no_other(self):
        with Server() as server, server.connect() as client, server.connect() as endless:
            other = server.connect()
            ask(other, b"x\n")
            reset(other)
            endless.sendall(b"x" * 5000)
            receive_all(endless)
            self.assertEqual(ask(client, b"still here\n"), b"STILL HERE\n")
            client.close()
            self.assertEqual(server.end(TERM), 0)
            self.assertIn("3 connections: 1 closed, 0 idle, 0 cut, 2 broken", server.output)
            self.assertEqual(server.output.count("a connection broke: "), 2)

    def test_a_silent_client_is_cut_and_not_before_its_time(self):
        with Server("--idle", "300") as server, server.connect() as client:
            begin = time.monotonic()
            self.assertEqual(ask(client, b"x\n"), b"X\n")
            client.sendall(b"no line")
            self.assertEqual(receive_all(client), IDLE)
            self.assertGreaterEqual(time.monotonic() - begin, 0.3)
            self.assertEqual(server.end(TERM), 0)
            self.assertIn("1 connections: 0 closed, 1 idle, 0 cut, 0 broken", server.output)

    def test_a_client_that_sends_now_and_then_is_not_cut(self):
        with Server("--idle", "2000") as server, server.connect() as client:
            for _ in range(12):
                time.sleep(0.25)
                self.assertEqual(ask(client, b"x\n"), b"X\n")


class StopTest(unittest.TestCase):
    def start(self, *args):
        server = Server(*args)
        self.addCleanup(server.__exit__)
        client = server.connect()
        self.addCleanup(client.close)
        self.assertEqual(ask(client, b"hello\n"), b"HELLO\n")
        return server, client

    def stop(self, server, signo, connections):
        server.signal(signo)
        server.wait_for("stopping, %d connections" % connections)

    def test_without_connections_it_ends_at_once(self):
        for signo in (INT, TERM):
            with self.subTest(signo=signo), Server() as server:
                self.assertEqual(server.end(signo), 0)
                self.assertIn("stopping, 0 connections", server.output)

    def test_it_serves_until_the_last_client_has_gone(self):
        server, client = self.start("--grace", "50000")
        self.stop(server, TERM, 1)
        with self.assertRaises(ConnectionError):
            server.connect()
        self.assertEqual(ask(client, b"still served\n"), b"STILL SERVED\n")
        client.close()
        self.assertEqual(server.end(), 0)
        self.assertIn("1 connections: 1 closed, 0 idle, 0 cut, 0 broken", server.output)

    def test_who_does_not_go_is_cut_after_the_grace(self):
        server, stubborn = self.start("--grace", "500")
        quick = server.connect()
        ask(quick, b"x\n")
        begin = time.monotonic()
        self.stop(server, TERM, 2)
        quick.close()
        self.assertEqual(receive_all(stubborn), STOPS)
        self.assertGreaterEqual(time.monotonic() - begin, 0.5)
        self.assertEqual(server.end(), 0)
        self.assertIn("2 connections: 1 closed, 0 idle, 1 cut, 0 broken", server.output)

    def test_a_client_that_does_not_read_is_cut_too(self):
        server, client = self.start("--grace", "200")
        client.settimeout(0.5)
        with self.assertRaises(socket.timeout):
            while True:
                client.send(b"x\n" * 10000)
        self.assertEqual(server.end(TERM), 0)
        self.assertIn("1 connections: 0 closed, 0 idle, 1 cut, 0 broken", server.output)

    def test_a_second_signal_cuts_the_wait_short(self):
        for second in (INT, TERM):
            with self.subTest(second=second):
                server, client = self.start("--grace", "80000000")
                self.stop(server, TERM, 1)
                self.assertEqual(server.end(second), 0)
                self.assertEqual(receive_all(client), STOPS)
                self.assertIn("0 idle, 1 cut", server.output)

    def test_a_port_in_use_is_an_error(self):
        with Server() as server, Program("--port", str(server.port)) as second:
            self.assertEqual(second.end(), 1)
            self.assertIn("the address is in use", second.output)

    def test_nonsense_on_the_command_line_is_refused(self):
        for line in ("--port", "--port 65536", "--grace -1", "x 1"):
            args = line.split()
            with self.subTest(args=args), Program(*args) as program:
                self.assertEqual(program.end(), 2)
                self.assertIn("usage:", program.output)


if __name__ == "__main__":
    support.run_tests()
