"""echo_server, driven by clients that behave and clients that do not.

SPDX-License-Identifier: MIT
"""
import os
import resource
import socket
import threading
import time
import unittest

import support
from support import INT, TERM, Program, Server, receive_all, receive_exactly, reset


def echo(sock, data):
    sock.sendall(data)
    return receive_exactly(sock, len(data))


def limit_descriptors():
    resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))


class EchoServerTest(unittest.TestCase):
    def test_what_is_sent_comes_back(self):
        with Server() as server, server.connect() as client:
            for size in (1, 2, 1000, 16384, 16385, 100000):
                data = os.urandom(size)
                self.assertEqual(echo(client, data), data)

    def test_a_half_closed_client_gets_everything_then_the_end(self):
        data = os.urandom(4 << 20)
        with Server() as server, server.connect() as client:
            def send():
                client.sendall(data)
                client.shutdown(socket.SHUT_WR)
            sender = threading.Thread(target=send)
            sender.start()
            self.assertEqual(receive_all(client), data)
            sender.join()

    def test_a_client_that_does_not_read_is_not_read_from(self):
        block = os.urandom(65536)
        with Server() as server, server.connect() as client:
            client.settimeout(1)
            sent = 0
            with self.assertRaises(socket.timeout):
                while sent < 1 << 30:
                    sent += client.send(block[sent % 65536:])
            client.settimeout(support.PATIENCE)
            client.shutdown(socket.SHUT_WR)
            received = receive_all(client)
            self.assertEqual(len(received), sent)
            self.assertEqual(received, (block * (sent // 65536 + 1))[:sent])

    def test_a_reset_ends_one_connection_only(self):
        with Server() as server, server.connect() as client:
            other = server.connect()
            echo(other, b"x")
            reset(other)
            self.assertEqual(echo(client, b"still here"), b"still here")
            client.close()
            self.assertEqual(server.end(TERM), 0)
            self.assertIn("2 accepted, 0 idle timeouts, 1 broken", server.output)

    def test_a_silent_client_is_cut_and_not_before_its_time(self):
        with Server("--idle", "300") as server, server.connect() as client:
            begin = time.monotonic()
            echo(client, b"x")
            self.assertEqual(client.recv(1), b"")
            self.assertGreaterEqual(time.monotonic() - begin, 0.3)
            self.assertEqual(server.end(TERM), 0)
            self.assertIn("1 idle timeouts", server.output)

    def test_a_client_that_sends_now_and_then_is_not_cut(self):
        with Server("--idle", "2000") as server, server.connect() as client:
            for _ in range(12):
                time.sleep(0.25)
                self.assertEqual(echo(client, b"x"), b"x")
            client.close()
            self.assertEqual(server.end(TERM), 0)
            self.assertIn("0 idle timeouts", server.output)

    @unittest.skipIf("valgrind" in os.environ.get("EXAMPLE_WRAPPER", ""),
                     "valgrind needs descriptors of its own and takes them from us")
    def test_without_descriptors_it_waits_instead_of_spinning(self):
        with Server(preexec_fn=limit_descriptors) as server:
            clients = [server.connect() for _ in range(40)]
            self.assertEqual(echo(clients[0], b"first"), b"first")
            before = server.cpu_time()
            time.sleep(1)
            self.assertLess(server.cpu_time() - before, 0.5)
            for client in clients[:20]:
                client.close()
            self.assertEqual(echo(clients[39], b"last"), b"last")
            for client in clients[20:]:
                client.close()
            self.assertEqual(server.end(TERM), 0)
            server.wait_for(r"out of descriptors, paused \d+ times")

    def test_a_signal_lets_a_transfer_finish(self):
        for signo in (INT, TERM):
            with self.subTest(signo=signo), Server() as server, server.connect() as client:
                data = os.urandom(1 << 20)
                client.sendall(data[:1000])
                server.signal(signo)
                server.wait_for("stopping, 1 connections to drain")
                sender = threading.Thread(target=client.sendall, args=(data[1000:],))
                sender.start()
                self.assertEqual(receive_exactly(client, len(data)), data)
                sender.join()
                client.close()
                self.assertEqual(server.end(), 0)
                self.assertIn("server: drained\n", server.output)

    def test_a_connection_that_is_quiet_does_not_hold_up_the_end(self):
        with Server() as server, server.connect() as client:
            echo(client, b"x")
            self.assertEqual(server.end(TERM), 0)
            self.assertEqual(client.recv(1), b"")

    def test_a_second_signal_ends_it_without_draining(self):
        with Server() as server, server.connect() as client:
            echo(client, b"x")
            server.signal(INT)
            server.wait_for("stopping, 1 connections to drain")
            stop = threading.Event()

            def chat():
                try:
                    while not stop.wait(0.01):
                        echo(client, b"x")
                except (AssertionError, OSError):
                    pass
            chatter = threading.Thread(target=chat)
            chatter.start()
            try:
                self.assertEqual(server.end(INT), 1)
            finally:
                stop.set()
                chatter.join()
            self.assertIn("NOT drained: 1 connections cut", server.output)

    def test_a_port_in_use_is_an_error(self):
        with Server() as server, Program("--port", str(server.port)) as second:
            self.assertEqual(second.end(), 1)
            self.assertIn("cannot start: the address is in use", second.output)

    def test_nonsense_on_the_command_line_is_refused(self):
        for line in ("--port", "--port 65536", "--idle 0", "--load -1", "x 1"):
            args = line.split()
            with self.subTest(args=args), Program(*args) as program:
                self.assertEqual(program.end(), 2)
                self.assertIn("usage:", program.output)


class LoadTest(unittest.TestCase):
    def test_every_kind_of_client_is_served_right(self):
        with Program("--load", "1000") as program:
            self.assertEqual(program.end(), 0, program.output)
            self.assertIn("650 closed, 100 half-closed, 100 reset, 100 cut when idle, 50 stayed, "
                          "0 failed", program.output)
            self.assertIn("1000 accepted, 100 idle timeouts", program.output)
            self.assertIn("stopping, 50 connections to drain", program.output)
            self.assertIn("server: drained\n", program.output)
            if "GYRE_POLLER" in os.environ:
                self.assertIn("poller " + os.environ["GYRE_POLLER"], program.output)


if __name__ == "__main__":
    support.run_tests()
