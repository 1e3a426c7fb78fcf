#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the runner must not get wrong: where a bug goes, and what counts as having seen it."""
import json
import pathlib
import tempfile
import unittest

import builds
import catalogue
import run

SOURCE = "int f(void)\n{\n\tif (a)\n\t\treturn 1;\n\tif (b)\n\t\treturn 1;\n\treturn 0;\n}\n"
HEAD = "mutant one\nsays   it is wrong\nkill   native unit\nfile   f.c\n"


def lists(text):
    folder = tempfile.TemporaryDirectory()
    (pathlib.Path(folder.name) / "a.mutants").write_text(text)
    (pathlib.Path(folder.name) / "f.c").write_text(SOURCE)
    return folder


def mutated(hunk):
    with lists(HEAD + hunk) as folder:
        mutant, = catalogue.read(folder)
        return catalogue.mutate(mutant, folder)["f.c"]


class Catalogue(unittest.TestCase):
    def test_a_line_is_replaced_where_it_stands_however_it_is_spaced(self):
        self.assertEqual(mutated("-  return   0;\n+\treturn 2;\n"),
                         SOURCE.replace("return 0", "return 2"))

    def test_lines_that_stay_tell_which_of_two_is_meant(self):
        text = mutated(" \tif (b)\n-\t\treturn 1;\n+\t\treturn 2;\n")
        self.assertEqual(text.index("return 2"), SOURCE.rindex("return 1"))

    def test_two_hunks_are_both_put_in(self):
        text = mutated("-\tif (a)\n+\tif (c)\n@@\n-\tif (b)\n+\tif (d)\n")
        self.assertIn("if (c)", text)
        self.assertIn("if (d)", text)

    def test_what_is_not_there_no_longer_applies(self):
        with self.assertRaisesRegex(catalogue.Wrong, "one no longer applies: .* not in f.c"):
            mutated("-\treturn 3;\n")

    def test_what_is_there_twice_no_longer_applies(self):
        with self.assertRaisesRegex(catalogue.Wrong, "one no longer applies: .* 2 times in f.c"):
            mutated("-\t\treturn 1;\n")

    def test_a_file_that_is_gone_no_longer_applies(self):
        with self.assertRaisesRegex(catalogue.Wrong, "no g.c"):
            mutated("file   g.c\n-int f(void)\n")

    def test_a_bug_that_changes_nothing_is_none(self):
        with self.assertRaisesRegex(catalogue.Wrong, "changes nothing"):
            mutated("-\treturn 0;\n+\treturn 0;\n")

    def test_entries_say_all_they_have_to(self):
        for text, what in (("mutant one\nfile f.c\n-int f(void)\n", "does not say what"),
                           ("mutant one\nsays x\nfile f.c\n-int f(void)\n", "who kills it"),
                           (HEAD, "changes nothing"), (HEAD + "-{\n" + HEAD + "-{\n", "twice"),
                           ("kill native unit\n", "of no mutant"), (HEAD + "kil x\n", "what is")):
            with lists(text) as folder, self.assertRaisesRegex(catalogue.Wrong, what):
                catalogue.read(folder)


class Verdicts(unittest.TestCase):
    def verdict(self, *entries):
        with tempfile.TemporaryDirectory() as folder:
            build = builds.Build("native", None, folder)
            (build.path / "meson-logs").mkdir(parents=True)
            (build.path / "meson-logs" / "mutant.json").write_text("".join(
                json.dumps({"name": "p:unit / x", "stdout": "", **entry}) + "\n"
                for entry in entries))
            return build.verdict(["unit/x"])

    def test_a_test_that_fails_has_seen_it(self):
        found = self.verdict({"result": "OK"}, {"result": "FAIL", "stdout": "[  FAILED  ] a_test"})
        self.assertEqual(found, ("failed", "unit/x", "a_test"))

    def test_tests_that_pass_or_skip_have_not(self):
        self.assertEqual(self.verdict({"result": "OK"}, {"result": "SKIP"}), builds.PASSED)

    def test_a_run_without_a_test_is_no_pass(self):
        self.assertEqual(self.verdict().result, "does not build")

    def test_a_hang_is_a_hang_unless_something_failed(self):
        hang, fail = {"result": "TIMEOUT"}, {"result": "FAIL"}
        self.assertEqual(self.verdict(hang).result, "hangs")
        self.assertEqual(self.verdict(hang, fail).result, "failed")


class Outcomes(unittest.TestCase):
    def state(self, result, **flags):
        mutant = catalogue.Mutant("one", "here")
        vars(mutant).update(flags)
        found = ("native", builds.Verdict(result, "unit/x", "")) if result else None
        return run.outcome(mutant, found)[0]

    def test_who_sees_a_bug_kills_it_and_who_sees_none_is_wrong(self):
        self.assertEqual(self.state("failed"), "killed")
        self.assertEqual(self.state("failed", survives=True), "wrong")

    def test_a_bug_that_nobody_sees_survives(self):
        self.assertEqual(self.state(None), "survived")
        self.assertEqual(self.state(None, survives=True), "harmless")
        self.assertEqual(self.state(None, missing=True), "unseen")

    def test_a_hang_counts_where_it_is_expected(self):
        self.assertEqual(self.state("hangs", hang=True), "killed")
        self.assertEqual(self.state("hangs"), "survived")

    def test_a_bug_that_does_not_build_is_none(self):
        self.assertEqual(self.state("does not build"), "invalid")


if __name__ == "__main__":
    unittest.main()
