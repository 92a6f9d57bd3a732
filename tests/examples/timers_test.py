"""The output of timers.

SPDX-License-Identifier: MIT
"""
import unittest

import support
from support import Program

EXPECTED = """\
soon and later:
  nothing has run so far
  first, soon
  second, in the order of the calls
  third, 20 ms later
a timer moved, a timer stopped:
  stopped one in time
  stopping it again does nothing
  fired once, at the later time
every 10 ms, with one callback that is too slow:
  beat 1
  beat 2
  beat 3
  beat 4
  some periods were skipped; beats and skipped periods together fit the time
in the background:
  the last thing to wait for
  the loop has ended, the hourly timer is still started
a million calls, one after the other:
  a timer in between
  0 left
"""


class TimersTest(unittest.TestCase):
    def test_output(self):
        with Program() as program:
            self.assertEqual(program.end(), 0)
            begin = program.output.index(EXPECTED[:10])
            self.assertEqual(program.output[begin:], EXPECTED)


if __name__ == "__main__":
    support.run_tests()
