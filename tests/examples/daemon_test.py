"""daemon, told by signals what to do.

SPDX-License-Identifier: MIT
"""
import os
import signal
import tempfile
import unittest

import support
from support import INT, TERM, Program


class DaemonTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.config = os.path.join(self.directory.name, "daemon.conf")
        self.write_config("interval_ms = 20\n")

    def tearDown(self):
        self.directory.cleanup()

    def write_config(self, text):
        with open(self.config, "w") as file:
            file.write(text)

    def start(self):
        program = Program(self.config)
        self.addCleanup(program.__exit__)
        program.wait_for(r"ready, pid \d+, interval_ms = 20\n")
        return program

    def test_hup_reads_the_configuration_again(self):
        program = self.start()
        self.write_config("interval_ms = 30\n")
        program.signal(signal.SIGHUP)
        program.wait_for(r"reloaded, interval_ms = 30\n")
        self.assertEqual(program.end(TERM), 0)

    def test_a_broken_or_missing_configuration_changes_nothing(self):
        program = self.start()
        for text in ("interval_ms = 0", "interval_ms = 99999999999", "interval = 5", ""):
            self.write_config(text)
            seen = len(program.output)
            program.signal(signal.SIGHUP)
            program.wait_for(r"reload failed \(.+\), keeping interval_ms = 20\n", seen)
        os.unlink(self.config)
        seen = len(program.output)
        program.signal(signal.SIGHUP)
        program.wait_for(r"reload failed \(.+\), keeping interval_ms = 20\n", seen)
        self.assertEqual(program.end(TERM), 0)

    def test_usr1_prints_statistics_and_work_goes_on(self):
        program = self.start()
        batches = 0
        while batches < 3:
            seen = len(program.output)
            program.signal(signal.SIGUSR1)
            match = program.wait_for(r"statistics: .*?(\d+) batches, \d+ steps", seen)
            batches = int(match.group(1))
        self.assertEqual(program.end(TERM), 0)

    def test_term_and_int_end_it_after_the_batch_under_way(self):
        for signo in (TERM, INT):
            with self.subTest(signo=signo):
                program = self.start()
                self.assertEqual(program.end(signo), 0)
                self.assertRegex(program.output, r"stopping\nstopped after \d+ batches\n$")

    def test_it_does_not_start_without_a_configuration(self):
        os.unlink(self.config)
        with Program(self.config) as program:
            self.assertEqual(program.end(), 1)
            self.assertIn('does not exist', program.output)
        with Program() as program:
            self.assertEqual(program.end(), 2)
            self.assertIn("usage:", program.output)


if __name__ == "__main__":
    support.run_tests()
