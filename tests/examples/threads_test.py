"""The output of threads, and that it ends early when it is told to.

SPDX-License-Identifier: MIT
"""
import re
import unittest

import support
from support import INT, Program


class ThreadsTest(unittest.TestCase):
    def test_every_worker_is_heard_and_the_sum_is_right(self):
        with Program() as program:
            self.assertEqual(program.end(), 0)
            for number in range(4):
                begins = program.output.index("worker %d begins\n" % number)
                self.assertGreater(program.output.index("worker %d found " % number), begins)
            found = [int(n) for n in re.findall(r"found (\d+) primes", program.output)]
            self.assertEqual(len(found), 4)
            self.assertEqual(sum(found), 41538)
            self.assertRegex(program.output, r"\n41538 primes, 500000 tested, \d+ progress reports")

    def test_an_interrupt_ends_it_in_good_order(self):
        with Program("1000000000") as program:
            program.wait_for("worker 0 begins")
            self.assertEqual(program.end(INT), 0)
            self.assertIn("\ninterrupted\n", program.output)
            self.assertRegex(program.output, r"\n\d+ primes, \d+ tested, \d+ progress reports\n$")
            self.assertEqual(program.output.count("found"), 4)

    def test_nonsense_on_the_command_line_is_refused(self):
        for args in (["x"], ["999"], ["5000", "1"]):
            with self.subTest(args=args), Program(*args) as program:
                self.assertEqual(program.end(), 2)
                self.assertIn("usage:", program.output)


if __name__ == "__main__":
    support.run_tests()
