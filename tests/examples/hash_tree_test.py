"""The output of hash_tree, and that it ends early when it is told to.

SPDX-License-Identifier: MIT
"""
import os
import re
import tempfile
import unittest

import support
from support import INT, Program


def fnv1a(data):
    value = 14695981039346656037
    for byte in data:
        value = ((value ^ byte) * 1099511628211) % 2**64
    return value


class HashTreeTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.files = {}

    def path(self, name):
        return os.path.join(self.directory.name, name)

    def write(self, name, data):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "wb") as file:
            file.write(data)
        self.files[name] = data

    def make_tree(self):
        for i in range(100):
            self.write("%d/%d/file %d" % (i % 3, i % 7, i), b"%d " % i * i)
        self.write("empty", b"")
        self.write("large", bytes(range(256)) * 700)

    def lines(self):
        names = sorted(self.files, key=lambda name: self.path(name).encode())
        return ["%016x  %s" % (fnv1a(self.files[name]), self.path(name)) for name in names]

    def test_every_file_is_listed_in_order_with_its_hash(self):
        self.make_tree()
        os.mkdir(self.path("empty directory"))
        os.symlink("large", self.path("link"))
        os.symlink(".", self.path("circle"))
        os.mkfifo(self.path("fifo"))
        with Program(self.directory.name) as program:
            self.assertEqual(program.end(), 0)
            lines = program.output.splitlines()
            self.assertEqual(lines[:-1], self.lines())
            size = sum(len(data) for data in self.files.values())
            self.assertRegex(lines[-1], "^[0-9a-f]{16}  %d files, %d bytes$" % (102, size))

    def test_the_number_of_jobs_and_a_slash_do_not_change_the_output(self):
        self.make_tree()
        outputs = set()
        for args in ([], ["1"], ["50"]):
            for path in (self.directory.name, self.directory.name + "/"):
                with Program(path, *args) as program:
                    self.assertEqual(program.end(), 0)
                    outputs.add(program.output)
        self.assertEqual(len(outputs), 1)

    def test_the_total_changes_with_any_file_and_any_name(self):
        totals = set()
        for name, data in (("a", b"x"), ("a", b"y"), ("b", b"x")):
            self.write(name, data)
            with Program(self.directory.name) as program:
                self.assertEqual(program.end(), 0)
                totals.add(program.output.splitlines()[-1])
            os.unlink(self.path(name))
        self.assertEqual(len(totals), 3)

    def test_an_empty_directory_has_no_files(self):
        with Program(self.directory.name) as program:
            self.assertEqual(program.end(), 0)
            self.assertRegex(program.output, "^[0-9a-f]{16}  0 files, 0 bytes\n$")

    def test_what_cannot_be_read_is_told_and_the_rest_hashed(self):
        with Program(self.path("nothing")) as program:
            self.assertEqual(program.end(), 1)
            self.assertIn("nothing: does not exist\n", program.output)
            self.assertIn("  0 files", program.output)

    def test_a_large_file_is_reported_on_while_it_is_hashed(self):
        with open(self.path("sparse"), "wb") as file:
            file.truncate(100 << 20)
        with Program(self.directory.name) as program:
            self.assertEqual(program.end(), 0)
            self.assertEqual(re.findall(r"(\d+) MiB hashed\n", program.output), ["32", "64", "96"])

    def test_an_interrupt_ends_it_in_good_order(self):
        for i in range(8):
            with open(self.path("sparse %d" % i), "wb") as file:
                file.truncate(1 << 40)
        with Program(self.directory.name, "2") as program:
            program.wait_for("MiB hashed")
            self.assertEqual(program.end(INT), 1)
            self.assertRegex(program.output, r"\ninterrupted\n$")
            self.assertNotIn("files", program.output)

    def test_nonsense_on_the_command_line_is_refused(self):
        for args in ([], [".", "0"], [".", "x"], [".", "1001"], [".", "1", "2"]):
            with self.subTest(args=args), Program(*args) as program:
                self.assertEqual(program.end(), 2)
                self.assertIn("usage:", program.output)


if __name__ == "__main__":
    support.run_tests()
