"""The output of foreign_loop, with and without a descriptor to watch.

SPDX-License-Identifier: MIT
"""
import os
import unittest

import support
from support import Program


class ForeignLoopTest(unittest.TestCase):
    def check(self, first_line, **popen):
        with Program(**popen) as program:
            self.assertEqual(program.end(), 0)
            lines = program.output.splitlines()
            self.assertRegex(lines[0], first_line)
            self.assertEqual(lines[1:], ["guest: started"] +
                             ["guest: tick %d" % n for n in (1, 2, 3, 4, 5)] +
                             ["host: read 5 bytes from the guest, which ticked 5 times"])

    def test_with_the_poller_of_this_run(self):
        without = os.environ.get("GYRE_POLLER") == "poll"
        self.check("visiting every" if without else "watching one descriptor")

    def test_the_poller_poll_has_no_descriptor_and_is_visited(self):
        self.check("poller poll has no descriptor .* visiting every",
                   env=dict(os.environ, GYRE_POLLER="poll"))


if __name__ == "__main__":
    support.run_tests()
