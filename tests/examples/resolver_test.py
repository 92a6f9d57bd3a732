"""The output of resolver, for names that need no network.

SPDX-License-Identifier: MIT
"""
import unittest

import support
from support import Program


def run(*args):
    """The exit status and the lines of the output."""
    with Program(*args) as program:
        status = program.end()
        return status, program.output.splitlines()


class ResolverTest(unittest.TestCase):
    def test_numbers_are_their_own_addresses(self):
        status, lines = run("127.0.0.1", "::1", "2001:db8::a")
        self.assertEqual(status, 0)
        self.assertEqual(lines, ["127.0.0.1: 127.0.0.1", "::1: ::1", "2001:db8::a: 2001:db8::a",
                                 "3 of 3 found"])

    def test_localhost_is_this_machine(self):
        status, lines = run("localhost")
        self.assertEqual(status, 0)
        addresses = lines[0].split()
        self.assertEqual(addresses.pop(0), "localhost:")
        self.assertTrue(set(addresses) <= {"127.0.0.1", "::1"}, lines)
        self.assertEqual(lines[1:], ["1 of 1 found"])

    def test_results_come_in_the_order_of_the_list(self):
        names = ["localhost" if n % 3 else "127.0.0.%d" % n for n in range(1, 101)]
        status, lines = run(*names)
        self.assertEqual(status, 0)
        self.assertEqual([line.split(":")[0] for line in lines[:-1]], names)
        self.assertEqual(lines[-1], "100 of 100 found")

    def test_what_is_not_found_spoils_nothing_else(self):
        status, lines = run("nobody.invalid", "127.0.0.1", "a..b", "b\u00fccher.invalid", "::1")
        self.assertEqual(status, 1)
        self.assertRegex(lines[0], r"^nobody\.invalid: [a-z]")
        self.assertEqual(lines[1], "127.0.0.1: 127.0.0.1")
        self.assertRegex(lines[2], r"^a\.\.b: [a-z]")
        self.assertRegex(lines[3], r"^b\u00fccher\.invalid: [a-z]")
        self.assertEqual(lines[4:], ["::1: ::1", "2 of 5 found"])

    def test_without_time_only_numbers_are_found(self):
        status, lines = run("-t", "0", "localhost", "127.0.0.1", "nobody.invalid")
        self.assertEqual(status, 1)
        self.assertRegex(lines[0], r"^localhost: .*time")
        self.assertEqual(lines[1], "127.0.0.1: 127.0.0.1")
        self.assertRegex(lines[2], r"^nobody\.invalid: .*time")
        self.assertEqual(lines[3], "1 of 3 found")

    def test_nonsense_on_the_command_line_is_refused(self):
        for args in ([], ["-t"], ["-t", "5"], ["-t", "x", "a"], ["-t", "-1", "a"], ["-x", "a"],
                     ["-t", "3600001", "a"]):
            with self.subTest(args=args):
                status, lines = run(*args)
                self.assertEqual(status, 2)
                self.assertIn("usage:", lines[0])


if __name__ == "__main__":
    support.run_tests()
