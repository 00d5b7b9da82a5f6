"""adapter-keys reads what stands at the head of an adapter, and nothing else."""

import unittest

from driving import ROOT, DriverTest, all_adapter_keys, run

SCRIPT = ROOT / "scripts" / "adapter-keys"


class Keys(DriverTest):
    def read(self, text: str, name: str = "allocators/a.c") -> list[str]:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        result = run(SCRIPT, path)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return result.stdout.splitlines()

    def test_keys_of_one_line(self) -> None:
        text = "/* A.\n *\n * library: ../a b/[0-9]*$#@ARCH@.so  \n * package: liba-dev\n * and more\n */\n"
        self.assertEqual(
            self.read(text), ["a library ../a b/[0-9]*$#@ARCH@.so", "a package liba-dev"]
        )
        self.assertEqual(self.read("/* built-from: toy -DX */\n"), ["a built-from toy -DX"])
        self.assertEqual(self.read("/*\n **  cflags:-I/opt */\n"), ["a cflags -I/opt"])

    def test_values_of_several_lines_are_joined(self) -> None:
        text = '/* A.\n * caught-by: check\n *   a.b at f "x: *"\n *   c.d\n * harden: a/b=c\n * d=e */\n'
        self.assertEqual(
            self.read(text), ['a caught-by check a.b at f "x: *" c.d', "a harden a/b=c d=e"]
        )
        self.assertEqual(
            self.read("/* A.\n * catches: a.*\n *          b.c\n *\n * More.\n */\n"),
            ["a catches a.* b.c"],
        )

    def test_what_is_no_key(self) -> None:
        for text in (
            "/* A library: none, for it stands within a line.\n * unknown: word\n * library:\n */\n",
            "/* A. */\n/* library: liba.so */\n",
            "/* A.\n */\n// * library: liba.so\n",
            "library: liba.so\n",
            "",
        ):
            self.assertEqual(self.read(text), [], text)

    def test_name_is_the_path_below_allocators(self) -> None:
        text = "/* library: a.so */\n"
        nested = self.read(text, "allocators/x/allocators/faulty/check/b.c")
        self.assertEqual(nested, ["faulty/check/b library a.so"])

    def test_keys_of_a_program(self) -> None:
        text = "# A.\n#\n# needs: a b\n# run: a $((1 * 2)); # x\n#   b 127.0.0.1\n# more\n#\n# no: key\necho\n# load: x\n"
        self.assertEqual(
            self.read(text, "workloads/programs/a.sh"),
            ["programs/a needs a b", "programs/a run a $((1 * 2)); # x b 127.0.0.1 more"],
        )
        self.assertEqual(self.read("# library: a.so\n", "workloads/programs/a.sh"), [])

    def test_each_file_has_a_head_of_its_own(self) -> None:
        first, second = self.directory / "1.c", self.directory / "2.c"
        first.write_text("/* harden: a=b")  # without an end
        second.write_text("/* B.\n * c=d */\n")
        lines = run(SCRIPT, first, second).stdout.splitlines()
        self.assertEqual([line.split(" ", 1)[1] for line in lines], ["harden a=b"])
        absent = run(SCRIPT, self.directory / "absent.c")
        self.assertNotEqual(absent.returncode, 0)

    def test_name_that_make_cannot_read_is_refused(self) -> None:
        for name in ("o dd", "it's", "a$b", "a:b", "a%"):
            path = self.directory / "a tree" / "allocators" / f"{name}.c"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("/* library: a.so */\n")
            result = run(SCRIPT, path)
            self.assertEqual((result.returncode, result.stdout), (2, ""))
            self.assertIn(f"{name}.c: name the adapter with letters", result.stderr)

    def test_of_this_tree(self) -> None:
        keys = all_adapter_keys()
        self.assertEqual(keys["system"], {"library": "libc.so.6", "package": "libc6-dev"})
        folders = (ROOT / "allocators" / "faulty").glob("*/*.c")
        names = {f"faulty/{p.parent.name}/{p.stem}" for p in folders}
        self.assertGreaterEqual(len(names), 100)
        told = {n for n in names if {"caught-by", "exposed-by", "harden"} & set(keys.get(n, {}))}
        sound = ("faulty/check/", "faulty/memory/page_each")  # here some have no fault
        silent = {n for n in names - told if not n.startswith(sound)}
        self.assertEqual(silent, set(), "who must catch these?")


if __name__ == "__main__":
    unittest.main()
