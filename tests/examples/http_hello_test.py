"""http_hello, driven by curl and by raw sockets that send what curl would never send.

SPDX-License-Identifier: MIT
"""
import os
import random
import socket
import subprocess
import time
import unittest

import support
from support import INT, TERM, Server, receive_all, reset

HELLO = b"Hello, world!\n"
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


class Stream:
    """Reads answers from a socket, which may hold several."""

    def __init__(self, sock):
        self.sock = sock
        self.data = b""

    def answer(self, to_head=False):
        """Returns status, fields and body of the next answer."""
        while b"\r\n\r\n" not in self.data:
            self._more()
        head, self.data = self.data.split(b"\r\n\r\n", 1)
        lines = head.decode("ascii").split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in lines[1:])
        size = 0 if to_head else int(fields["content-length"])
        while len(self.data) < size:
            self._more()
        body, self.data = self.data[:size], self.data[size:]
        return int(lines[0].split(" ")[1]), fields, body

    def _more(self):
        piece = self.sock.recv(65536)
        if not piece:
            raise AssertionError("end of stream after %r" % self.data)
        self.data += piece

    def at_end(self):
        return self.data == b"" and self.sock.recv(1) == b""


class HttpTest(unittest.TestCase):
    def setUp(self):
        self.server = Server()
        self.addCleanup(self.server.__exit__)

    def tearDown(self):
        """Whatever a test has done, the server is fit and ends in good order."""
        if self.server.process.poll() is None:
            self.assertEqual(self.exchange(LAST)[0], 200)
            self.assertEqual(self.server.end(TERM), 0, self.server.output)

    def exchange(self, request):
        """Send one request on a connection of its own, take one answer and the end."""
        with self.server.connect() as client:
            client.sendall(request)
            stream = Stream(client)
            answer = stream.answer(request.startswith(b"HEAD"))
            self.assertTrue(stream.at_end())
            return answer

    def curl(self, *args, path="/"):
        url = "http://127.0.0.1:%d%s" % (self.server.port, path)
        done = subprocess.run(["curl", "--silent", "--show-error", "--noproxy", "*", "--max-time",
                               "50", *args, url], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout.replace(b"\r", b"")


class CurlTest(HttpTest):
    def test_get(self):
        self.assertEqual(self.curl(), HELLO)

    def test_get_says_what_it_should(self):
        answer = self.curl("--include").decode()
        self.assertRegex(answer, r"^HTTP/1\.1 200 OK\n")
        self.assertRegex(answer, r"\nDate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\n")
        self.assertRegex(answer, r"\nContent-Length: 14\n")
        self.assertRegex(answer, r"\nConnection: keep-alive\n")

    def test_head_has_the_fields_of_get_and_no_body(self):
        answer = self.curl("--head").decode()
        self.assertRegex(answer, r"^HTTP/1\.1 200 OK\n")
        self.assertRegex(answer, r"\nContent-Length: 14\n")
        self.assertTrue(answer.endswith("\n\n"))

    def test_a_query_does_not_matter(self):
        self.assertEqual(self.curl(path="/?name=value"), HELLO)

    def test_another_path_is_not_found(self):
        self.assertEqual(self.curl("--include", path="/other").split(b"\n")[0],
                         b"HTTP/1.1 404 Not Found")

    def test_another_method_is_not_allowed(self):
        answer = self.curl("--include", "--request", "DELETE")
        self.assertEqual(answer.split(b"\n")[0], b"HTTP/1.1 405 Method Not Allowed")
        self.assertIn(b"\nAllow: GET, HEAD\n", answer)

    def test_a_body_is_too_large(self):
        self.assertEqual(self.curl("--include", "--data", "x=1").split(b"\n")[0],
                         b"HTTP/1.1 413 Content Too Large")

    def test_a_connection_is_used_again(self):
        url = "http://127.0.0.1:%d/" % self.server.port
        self.assertEqual(self.curl(url, url, "--write-out", "%{num_connects}\n").decode(),
                         "Hello, world!\n1\nHello, world!\n0\nHello, world!\n0\n")

    def test_http_1_0(self):
        answer = self.curl("--http1.0", "--include")
        self.assertIn(b"\nConnection: close\n", answer)
        self.assertTrue(answer.endswith(HELLO))


class RequestTest(HttpTest):
    def test_many_requests_in_one_piece_are_answered_in_order(self):
        with self.server.connect() as client:
            client.sendall(b"".join(b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n" % path
                                    for path in [b"", b"missing"] * 500))
            stream = Stream(client)
            for _ in range(500):
                self.assertEqual(stream.answer()[0], 200)
                self.assertEqual(stream.answer()[0], 404)

    def test_a_request_may_come_byte_by_byte(self):
        with self.server.connect() as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            stream = Stream(client)
            for _ in range(2):
                for i in range(len(GET)):
                    client.sendall(GET[i:i + 1])
                    time.sleep(0.001)
                self.assertEqual(stream.answer()[::2], (200, HELLO))

    def test_requests_may_be_split_anywhere(self):
        requests = GET + b"HEAD / HTTP/1.1\r\nhost:x\r\n\r\n" + LAST
        for i in range(1, len(requests)):
            with self.server.connect() as client:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                client.sendall(requests[:i])
                time.sleep(0.0005)
                client.sendall(requests[i:])
                stream = Stream(client)
                self.assertEqual(stream.answer()[::2], (200, HELLO))
                self.assertEqual(stream.answer(to_head=True)[::2], (200, b""))
                self.assertEqual(stream.answer()[::2], (200, HELLO))
                self.assertTrue(stream.at_end())

    def test_a_client_that_does_not_read_costs_no_more_than_others(self):
        with self.server.connect() as client:
            client.settimeout(1)
            sent = 0
            with self.assertRaises(socket.timeout):
                while sent < 1 << 30:
                    sent += client.send((GET * 1000)[sent % len(GET):])
            client.settimeout(support.PATIENCE)
            client.shutdown(socket.SHUT_WR)
            self.assertEqual(receive_all(client).count(HELLO), sent // len(GET))

    def test_a_half_closed_client_gets_its_answers(self):
        with self.server.connect() as client:
            client.sendall(GET * 3)
            client.shutdown(socket.SHUT_WR)
            self.assertEqual(receive_all(client).count(HELLO), 3)

    def test_who_keeps_the_connection(self):
        for version, field, kept in ((b"1.1", b"", True), (b"1.1", b"Connection: close", False),
                                     (b"1.1", b"connection: TE, Close", False),
                                     (b"1.1", b"Connection: closed", True),
                                     (b"1.0", b"", False),
                                     (b"1.0", b"Connection: Keep-Alive", True)):
            with self.subTest(version=version, field=field), self.server.connect() as client:
                request = b"GET / HTTP/" + version + b"\r\nHost: x\r\n"
                client.sendall(request + field + (b"\r\n" if field else b"") + b"\r\n")
                stream = Stream(client)
                answer = stream.answer()
                self.assertEqual(answer[0], 200)
                self.assertEqual(answer[1]["connection"], "keep-alive" if kept else "close")
                client.sendall(LAST if kept else b"")
                if kept:
                    self.assertEqual(stream.answer()[0], 200)
                self.assertTrue(stream.at_end())

    def test_what_else_is_fine(self):
        for request in (b"\r\n\r\n" + LAST,
                        b"GET http://x/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                        b"GET http://x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                        b"GET / HTTP/1.0\r\n\r\n",
                        b"GET / HTTP/1.7\r\nHost:\r\nConnection: close\r\n\r\n",
                        b"GET / HTTP/1.0\r\nContent-Length: 0\r\nX: \xff\t \r\n\r\n"):
            with self.subTest(request=request):
                self.assertEqual(self.exchange(request)[0], 200)


BAD = (
    b"\r\n\r\nhello\r\n",
    b"GET\r\n",
    b"GET /\r\n",
    b"GET  / HTTP/1.1\r\n",
    b"GET / HTTP/1.1 \r\n",
    b"GET / HTTP/11\r\n",
    b"GET / http/1.1\r\n",
    b"GET / HTTP/1.x\r\n",
    b" GET / HTTP/1.1\r\n",
    b"G\xc3\x8bT / HTTP/1.1\r\n",
    b"G(T / HTTP/1.1\r\n",
    b"GET /\xff HTTP/1.1\r\n",
    b"GET /a b HTTP/1.1\r\n",
    b"M" * 200 + b" / HTTP/1.1\r\n",
    b"GET / HTTP/1.1\n",
    b"GET / HTTP/1.1\rHost: x",
    b"GET /\0 HTTP/1.1\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.0\r\nHost: x\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n",
    b"GET / HTTP/1.1\r\nHost : x\r\n",
    b"GET / HTTP/1.1\r\n Host: x\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n folded\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n:\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n \r\n",
    b"GET / HTTP/1.1\r\nHost: x\x01\r\n",
    b"GET / HTTP/1.1\r\nHost: x\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x0\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\nbad\r\n",
)


class RefusalTest(HttpTest):
    def check(self, request, status):
        answer = self.exchange(request)
        self.assertEqual(answer[0], status)
        self.assertEqual(answer[1]["connection"], "close")

    def test_bad_requests_are_answered_400(self):
        for request in BAD:
            with self.subTest(request=request):
                self.check(request, 400)

    def test_a_bad_request_in_the_middle_ends_the_pipeline(self):
        with self.server.connect() as client:
            client.sendall(GET + GET + b"bad\r\n\r\n" + GET)
            stream = Stream(client)
            self.assertEqual([stream.answer()[0] for _ in range(3)], [200, 200, 400])
            self.assertTrue(stream.at_end())

    def test_what_announces_a_body_is_refused(self):
        for field in (b"Content-Length: 1", b"Content-Length: 99999999999999999999999999",
                      b"content-length: 0010", b"Transfer-Encoding: chunked"):
            with self.subTest(field=field):
                self.check(b"POST / HTTP/1.1\r\nHost: x\r\n" + field + b"\r\n\r\n", 413)

    def test_what_is_too_long_is_refused(self):
        start = b"GET / HTTP/1.1\r\nHost: x\r\n"
        for request, status in ((b"GET /" + b"a" * 1023 + b" HTTP/1.1\r\n", 414),
                                (b"GET /" + b"a" * 5000, 414),
                                (start + b"X: " + b"a" * 5000, 431),
                                (start + b"X: a\r\n" * 5000, 431),
                                (b"\r\n" * 10000, 431)):
            with self.subTest(request=request[:40]):
                self.check(request, status)

    def test_what_is_just_short_enough_is_not(self):
        path = b"/" + b"a" * 1022
        self.assertEqual(self.exchange(LAST.replace(b" / ", b" " + path + b" "))[0], 404)
        fields = (b"X: " + b"a" * 4092 + b"\r\n") * 3
        self.assertEqual(self.exchange(LAST[:-2] + fields + b"\r\n")[0], 200)

    def test_another_major_version_is_refused(self):
        self.check(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505)

    def test_a_refusal_arrives_although_more_is_sent(self):
        with self.server.connect() as client:
            client.sendall(b"bad\r\n" + b"x" * 3000)
            time.sleep(0.05)
            client.sendall(b"x" * 3000)
            self.assertEqual(Stream(client).answer()[0], 400)


class AbuseTest(HttpTest):
    def test_random_garbage_does_no_harm(self):
        seed = random.randrange(1 << 32)
        print("seed %d " % seed, end="", flush=True)
        rng = random.Random(seed)
        pieces = [GET, LAST, b"GET ", b"HEAD / HTTP/1.1\r\n", b"Host: x\r\n", b"\r\n", b"\n", b":",
                  b"Connection: ", b"close", b"Content-Length: 0\r\n", b"\0", b"a" * 700, b" "]
        end = time.monotonic() + 3
        while time.monotonic() < end:
            noise = bytes(rng.getrandbits(8) for _ in range(9))
            data = b"".join(rng.choice(pieces) if rng.random() < 0.8 else noise
                            for _ in range(rng.randrange(1, 30)))
            client = self.server.connect()
            try:
                client.sendall(data)
                if rng.random() < 0.3:
                    client.settimeout(0.02)
                    client.recv(rng.randrange(1, 500))
            except (ConnectionError, socket.timeout):
                pass
            reset(client) if rng.random() < 0.5 else client.close()
        self.assertEqual(self.exchange(LAST)[::2], (200, HELLO))

    def test_connections_that_say_nothing_do_not_keep_others_out(self):
        silent = [self.server.connect() for _ in range(200)]
        self.assertEqual(self.exchange(LAST)[0], 200)
        for client in silent:
            client.close()


class EndTest(unittest.TestCase):
    def test_a_silent_connection_is_cut(self):
        with Server("--timeout", "300") as server, server.connect() as client:
            begin = time.monotonic()
            self.assertEqual(client.recv(1), b"")
            self.assertGreaterEqual(time.monotonic() - begin, 0.29)
            self.assertEqual(server.end(TERM), 0)

    def test_single_letters_do_not_push_the_timeout_back(self):
        with Server("--timeout", "1000") as server, server.connect() as client:
            with self.assertRaises(ConnectionError):
                for _ in range(int(support.PATIENCE / 0.05)):
                    client.sendall(b"a")
                    time.sleep(0.05)
            self.assertEqual(server.end(TERM), 0)

    def test_a_signal_closes_what_is_idle_and_finishes_what_is_not(self):
        with Server() as server, server.connect() as idle, server.connect() as busy:
            idle.sendall(GET)
            Stream(idle).answer()
            busy.sendall(GET + GET[:10])
            Stream(busy).answer()
            server.signal(INT)
            self.assertEqual(idle.recv(1), b"")
            busy.sendall(GET[10:])
            stream = Stream(busy)
            answer = stream.answer()
            self.assertEqual((answer[0], answer[1]["connection"]), (200, "close"))
            self.assertTrue(stream.at_end())
            busy.close()
            self.assertEqual(server.end(), 0)
            self.assertIn("3 requests answered, 0 refused, 0 cut", server.output)


if __name__ == "__main__":
    support.run_tests()
