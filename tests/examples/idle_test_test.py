"""The output of idle_test.

SPDX-License-Identifier: MIT
"""
import unittest

import support
from support import Program


class IdleTestTest(unittest.TestCase):
    def test_every_test_passes(self):
        with Program() as program:
            self.assertEqual(program.end(), 0, program.output)
            self.assertEqual(program.output.count("\nok "), 4)
            self.assertTrue(program.output.startswith("ok "))
            self.assertRegex(program.output, r"tested in \d+\.\d+ ms\n$")


if __name__ == "__main__":
    support.run_tests()
