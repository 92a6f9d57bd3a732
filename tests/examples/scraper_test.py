"""The report of scraper.

SPDX-License-Identifier: MIT
"""
import unittest

import support
from support import INT, Program

LONG = ("--timeout", "50000", "--deadline", "80000000")


class ScraperTest(unittest.TestCase):
    def check(self, args, status, report):
        with Program(*args) as program:
            self.assertEqual(program.end(), status, program.output)
            begin = program.output.index("\n" + report[:30]) + 1
            self.assertEqual(program.output[begin:], report)

    def test_each_page_has_its_outcome_in_order(self):
        self.check(["--timeout", "2000"], 1, """\
/          100 bytes from mirror 1, try 1
/news      500 bytes from mirror 1, try 1
/about     600 bytes from mirror 1, try 1
/shop      500 bytes from mirror 1, try 3
/stock     FAILED: 503 busy, try 3
/map       FAILED: timed out, try 1
/old       FAILED: 404 not found, try 1
4 of 7 pages
""")

    def test_when_every_page_is_there_it_succeeds(self):
        for limit in ("1", "2", "1000"):
            with self.subTest(limit=limit):
                self.check(["--limit", limit, *LONG, "/shop", "/", "/"], 0, """\
/shop      500 bytes from mirror 1, try 3
/          100 bytes from mirror 1, try 1
/          100 bytes from mirror 1, try 1
3 of 3 pages
""")

    def test_only_what_is_busy_is_tried_again_and_not_too_often(self):
        self.check(["--tries", "2", *LONG, "/old", "/shop", "/stock"], 1, """\
/old       FAILED: 404 not found, try 1
/shop      FAILED: 503 busy, try 2
/stock     FAILED: 503 busy, try 2
0 of 3 pages
""")

    def test_of_two_mirrors_the_first_that_has_the_page_wins(self):
        self.check(["--race", *LONG, "/about", "/stock", "/map", "/old"], 1, """\
/about     600 bytes from mirror 1, try 1
/stock     600 bytes from mirror 2, try 1
/map       400 bytes from mirror 2, try 1
/old       FAILED: 404 not found, try 1
3 of 4 pages
""")

    def test_after_the_deadline_it_reports_what_it_has(self):
        args = ["--timeout", "50000", "--deadline", "2000", "--limit", "2"]
        self.check(args + ["/", "/map", "/map", "/old"], 1, """\
/          100 bytes from mirror 1, try 1
/map       given up, try 1
/map       given up, try 1
/old       not started
out of time
1 of 4 pages
""")

    def test_after_an_interrupt_it_reports_what_it_has(self):
        with Program("--limit", "1", *LONG, "/old", "/map", "/") as program:
            program.wait_for("2 of 3 /map\n")
            self.assertEqual(program.end(INT), 1)
            self.assertTrue(program.output.endswith("""\
/old       FAILED: 404 not found, try 1
/map       given up, try 1
/          not started
interrupted
0 of 3 pages
"""), program.output)

    def test_nonsense_on_the_command_line_is_refused(self):
        for line in ("--limit", "--limit 0", "--timeout x", "--deadline 999999999", "--mirror 1"):
            args = line.split()
            with self.subTest(args=args), Program(*args) as program:
                self.assertEqual(program.end(), 2)
                self.assertIn("usage:", program.output)


if __name__ == "__main__":
    support.run_tests()
