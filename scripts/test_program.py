"""How the scripts end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

from driving import ROOT, DriverTest, run, run_unread


def lives(process: int) -> bool:
    """One that has ended is there until its parent asks: in a container, perhaps for ever."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


class Unpacked(DriverTest):
    def test_matplotlib_that_is_unpacked_is_found_last(self) -> None:
        text = "import sys\nsys.path.insert(0, sys.argv[1])\nimport program\nprint(sys.path[-1])"
        command = [sys.executable, "-B", "-c", text, ROOT / "scripts"]
        for build, path in ("out", ROOT / "out"), (str(self.directory), self.directory):
            found = run(*command, env={"B": build}).stdout
            self.assertEqual(found, f"{path}/matplotlib\n")


class Ends(DriverTest):
    def command(self, *lines: str) -> list[str]:
        """A program whose main consists of these."""
        imports = "import sys\nsys.path.insert(0, sys.argv.pop())\nimport program, tempfile, time\n"
        body = "".join(f"    {line}\n" for line in lines)
        text = f"{imports}def main():\n{body}program.run(main, unread=7)\n"
        return [sys.executable, "-B", "-c", text, str(ROOT / "scripts")]

    def test_a_signal_leaves_nothing(self) -> None:
        command = self.command(
            f"with tempfile.TemporaryDirectory(dir={str(self.directory)!r}) as folder:",
            "    print(folder, flush=True)",
            "    time.sleep(100)",
        )
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            with subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                # a shell starts what is in the background with it ignored
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            ) as child:
                assert child.stdout is not None
                folder = Path(child.stdout.readline().strip())
                self.assertTrue(folder.is_dir())
                child.send_signal(number)
                assert child.stderr is not None
                self.assertIn(f"interrupted by {number.name}\n", child.stderr.read())
            self.assertEqual(child.returncode, 128 + number)
            self.assertFalse(folder.exists())

    def test_a_child_that_runs_for_long_ends_with_this(self) -> None:
        command = self.command(
            "import subprocess",
            "words = [*program.ends_with_this(), 'sh', '-c', 'echo $$; exec sleep 100']",
            "child = subprocess.Popen(words)",
            "time.sleep(100)",
        )
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as killed:
            assert killed.stdout is not None
            child = int(killed.stdout.readline())
            killed.kill()
            end = time.monotonic() + 60
            while lives(child) and time.monotonic() < end:
                time.sleep(0.02)
            left = lives(child)
            if left:
                os.kill(child, signal.SIGKILL)
        self.assertFalse(left)

    def test_what_cannot_be_said_changes_no_exit_code(self) -> None:
        """Neither of a refusal, nor of wrong words, nor of a program that has done its work."""
        ends = {
            "raise program.bench_results.Unusable('x')": 2,
            "program.parser('', '').parse_args(['--no-such-option'])": 2,
            "return program.complain('x')": 0,
            "raise KeyboardInterrupt": 130,
        }
        for line, code in ends.items():
            for elsewhere in "2>/dev/full", "2>&-":
                words = ["sh", "-c", f'"$@" {elsewhere}', "sh", *self.command(line)]
                self.assertEqual(run(*words).returncode, code, (line, elsewhere))

    def test_a_pipe_that_nobody_reads(self) -> None:
        """Is noticed at the end at the latest, and has the exit code that the program names."""
        for say in ("print(1, flush=True)", "print(1)"):
            done = run_unread(*self.command(say, "return 0"))
            self.assertEqual((done.returncode, done.stderr), (7, ""), say)


if __name__ == "__main__":
    unittest.main()
