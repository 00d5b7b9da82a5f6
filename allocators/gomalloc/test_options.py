"""What the library says of GOMALLOC_ variables: of wrong ones on standard error, and the list of all."""

import os
import shutil
import tempfile
import unittest
from pathlib import Path

from driving import BUILD, run

LIBRARY = BUILD / "libgomalloc.so"
HARDENED = BUILD / "libgomalloc-hardened.so"
HELP = """\
gomalloc: these variables of the environment are read when a program starts:
  GOMALLOC_SCAVENGE=thread  (takes 0 to 2 or thread; default: 2)
  GOMALLOC_RETAIN=25  (takes 0 to 1000; default: 10)
  GOMALLOC_MEMLIMIT=1536MiB  (takes 0, or 1MiB to 4095GiB as in 512MiB, or cgroup; default: 0)
  GOMALLOC_STATS=0  (takes 0 or 1; default: 0)
  GOMALLOC_OPTIONS=help  (takes 0 or help; default: 0)
"""
MATCH = ["  GOMALLOC_MATCH=1  (takes 0 or 1; default: 1)\n"]


def said(variables: dict[str, str], library: Path = LIBRARY) -> str:
    """What a program writes that has nothing to say itself."""
    done = run("/bin/true", env={"LD_PRELOAD": str(library), **variables})
    assert done.returncode == 0 and not done.stdout, done
    return done.stderr


class Options(unittest.TestCase):
    def test_what_makes_sense_is_taken_in_silence(self) -> None:
        for name, values in {
            "SCAVENGE": ("0", "1", "2", "thread", ""),
            "RETAIN": ("0", "1000", "0010", ""),
            "MEMLIMIT": (
                "0",
                "1MiB",
                "4095GiB",
                "1048576",
                "512M",
                "3t",
                "2048k",
                "0GiB",
                "cgroup",
            ),
            "STATS": ("0", ""),
            "OPTIONS": ("0", ""),
        }.items():
            for value in values:
                self.assertEqual(said({f"GOMALLOC_{name}": value}), "", f"{name}={value}")
        self.assertEqual(said({"GOMALLO": "1", "GOMALLOCATOR": "2", "XGOMALLOC_RETAIN": "x"}), "")

    def test_value_out_of_range(self) -> None:
        for name, takes, default, values in (
            ("RETAIN", "0 to 1000", "10", ("1001", "-1", "10%", " 5", "4294967301")),
            ("SCAVENGE", "0 to 2 or thread", "2", ("3", "threads", "on")),
            (
                "MEMLIMIT",
                "0, or 1MiB to 4095GiB as in 512MiB, or cgroup",
                "0",
                (
                    "1048575",
                    "1000",
                    "4096GiB",
                    "5t",
                    "512MB",
                    "512Mi",
                    "MiB",
                    "-1MiB",
                    "1.5GiB",
                    "1 MiB",
                )
                + ("18446744073709551617", "off", "cgroups"),
            ),
            ("STATS", "0 or 1", "0", ("2", "yes")),
            ("OPTIONS", "0 or help", "0", ("1", "hlep")),
        ):
            for value in values:
                self.assertEqual(
                    said({f"GOMALLOC_{name}": value}),
                    f"gomalloc: GOMALLOC_{name} takes {takes}, not '{value}'; the default holds: "
                    f"{default}\n",
                )

    def test_misspelt_name(self) -> None:
        for wrong, right in {
            "RETIAN": "RETAIN",
            "STAT": "STATS",
            "OPTION": "OPTIONS",
            "scavenge": "SCAVENGE",
            "VERBOSE": "",
            "": "",
        }.items():
            hint = f"did you mean GOMALLOC_{right}? " * bool(right)
            self.assertEqual(
                said({f"GOMALLOC_{wrong}": "1"}),
                f"gomalloc: it has no option GOMALLOC_{wrong}; {hint}GOMALLOC_OPTIONS=help lists all\n",
            )

    def test_foreign_text_is_short_and_on_one_line(self) -> None:
        text = said({"GOMALLOC_STATS": "\x1b[31m\n::error::" + "x" * 5000})
        self.assertIn("not '?[31m?::error::xxx", text)
        self.assertEqual((text.count("\n"), text.isprintable()), (1, False))
        self.assertLess(len(text), 150)
        text = said({"GOMALLOC_" + "\u202e" * 50 + "n" * 5000: "1"})
        self.assertTrue(text.isascii() and text.strip().isprintable() and len(text) < 150, text)

    def test_help_shows_what_holds(self) -> None:
        for library in (LIBRARY, HARDENED):
            variables = {"OPTIONS": "help", "RETAIN": "25", "SCAVENGE": "thread", "STATS": ""}
            variables["MEMLIMIT"] = "1536m"
            text = said({f"GOMALLOC_{k}": v for k, v in variables.items()}, library)
            names = [x for x in text.splitlines(True) if not x.startswith("      ")]
            of_hardened = [x for x in names if "GOMALLOC_MATCH=" in x]
            self.assertEqual("".join(x for x in names if x not in of_hardened), HELP)
            self.assertEqual(of_hardened, MATCH if library == HARDENED else [])
            self.assertIn("      per cent of the recent peak", text)

    def test_program_with_raised_privileges_reads_nothing(self) -> None:
        if os.geteuid() != 0:
            self.skipTest("only root can make a program of another user's")
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            folder.chmod(0o755)
            library = Path(shutil.copy(LIBRARY, folder / "libgomalloc.so.0"))
            library.chmod(0o755)
            source = folder / "main.c"
            source.write_text(
                "#include <unistd.h>\nint main(void) { return getuid() == geteuid(); }"
            )
            program = folder / "main"
            words = ["-Wl,--no-as-needed", library, f"-Wl,-rpath,{folder}"]
            built = run(os.environ.get("CC", "cc"), "-o", program, source, *words)
            self.assertEqual(built.returncode, 0, built.stderr)
            env = {"GOMALLOC_RETIAN": "1", "GOMALLOC_STATS": "1", "GOMALLOC_OPTIONS": "help"}
            self.assertIn("RETIAN", run(program, env=env).stderr)
            os.chown(program, 65534, -1)
            program.chmod(0o4755)
            done = run(program, env=env)
            if done.returncode != 0:
                self.skipTest(f"{folder} is on a file system without set-user-ID programs")
            self.assertEqual(done.stderr, "")


if __name__ == "__main__":
    unittest.main()
