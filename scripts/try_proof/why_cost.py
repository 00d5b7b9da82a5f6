"""What the counter of `spanbench why` costs: CPU time with it over CPU time without it, in pairs, in turn.

A loop of nothing but free and malloc pays most, and may take twice its time. Redis may take a tenth more.
"""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Iterator, Sequence

import paired
import program_data
import promise
from bench_results import Unusable
from verdicts.try_words import aligned

LOOP_PROMISE, REDIS_PROMISE = 2.0, 1.10
LIVE = (1, 1000, 10_000, 100_000)  # blocks
STEPS = 4_000_000
PATIENCE = 30  # seconds, for redis to be ready
REDIS_LOAD = ("-q", "-t", "set,get", "-n", "200000", "-r", "50000", "-d", "100")
REDIS_KINDS = {"one at a time": (), "16 in flight": ("-P", "16")}

# Blocks of 16 to 255 bytes, replaced in random order; prints its CPU time.
LOOP = """
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
int main(int argc, char **argv) {
    const unsigned long live = strtoul(argv[1], NULL, 10), steps = strtoul(argv[2], NULL, 10);
    char **block = calloc(live, sizeof *block);
    unsigned long x = 88172645463325252u;
    for (unsigned long i = 0; i < steps; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        char **at = &block[(x >> 32) % live];
        free(*at);
        *at = malloc(16 + (x & 0xffff) % 240);
        **at = 1;
    }
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    printf("%.6f\\n", (double)t.tv_sec + (double)t.tv_nsec * 1e-9);
    return argc != 3;
}
"""

# Runs something once and gives its CPU seconds. `before` stands before its words.
Timed = Callable[[Sequence[str], dict[str, str]], float]


def ratio(timed: Timed, runs: int, why: Sequence[str], variables: dict[str, str]) -> paired.Effect:
    """With the counter over without it. Which comes first changes each time."""
    differences = []
    for i in range(runs):
        seconds = [0.0, 0.0]
        for counted in (i % 2, 1 - i % 2):
            seconds[counted] = timed(why if counted else (), {} if counted else variables)
        differences.append(math.log(seconds[1] / seconds[0]))
    return paired.effect_or_range(differences)


def shown(e: paired.Effect) -> str:
    low, high = math.exp(e.low), math.exp(e.high)
    return f"{math.exp(e.location):.2f} ({low:.2f}..{high:.2f})"


# --- the loop ---------------------------------------------------------------------------------------


def build_loop(folder: Path) -> Path:
    source, loop = folder / "loop.c", folder / "loop"
    source.write_text(LOOP)
    words = ["cc", "-O2", "-fno-builtin-malloc", "-fno-builtin-free", "-D_GNU_SOURCE"]
    subprocess.run([*words, "-o", str(loop), str(source)], check=True)
    return loop


def of_loop(loop: Path, live: int) -> Timed:
    def timed(before: Sequence[str], variables: dict[str, str]) -> float:
        words = [*before, str(loop), str(live), str(STEPS)]
        environment = {**os.environ, **variables}
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Unusable(f"{' '.join(words)}: {done.stderr.strip()}")
        return float(done.stdout)

    return timed


# --- redis ------------------------------------------------------------------------------------------


@contextmanager
def redis(before: Sequence[str], port: str, folder: Path) -> Iterator[None]:
    words = [*before, "redis-server", "--port", port, "--bind", "127.0.0.1", "--save", ""]
    words += ["--dir", str(folder), "--loglevel", "warning"]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            end = time.monotonic() + PATIENCE
            while "PONG" not in ask_redis(port, "ping"):
                if time.monotonic() > end or server.poll() is not None:
                    raise Unusable("redis-server is not ready")
                time.sleep(0.02)
            yield
        finally:
            ask_redis(port, "shutdown", "nosave")
            server.terminate()


def ask_redis(port: str, *words: str) -> str:
    command = ["redis-cli", "-p", port, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def cpu_of(info: str) -> float:
    """Adds up user and system time of the server, as `info cpu` has them."""
    told = dict(line.strip().split(":", 1) for line in info.splitlines() if ":" in line)
    return float(told["used_cpu_user"]) + float(told["used_cpu_sys"])


def of_redis(folder: Path, load: Sequence[str]) -> Timed:
    def timed(before: Sequence[str], _: dict[str, str]) -> float:
        port = str(program_data.free_port())
        with redis(before, port, folder):
            began = cpu_of(ask_redis(port, "info", "cpu"))
            subprocess.run(
                ["redis-benchmark", "-p", port, *REDIS_LOAD, *load],
                stdout=subprocess.DEVNULL,
                check=True,
            )
            return cpu_of(ask_redis(port, "info", "cpu")) - began

    return timed


# --- both -------------------------------------------------------------------------------------------


def why_cost(folder: Path, driver: Path, libraries: dict[str, Path], runs: int) -> promise.Outcome:
    """`libraries`: allocators by their names. Prints tables."""
    why = [str(driver), "why", "--quiet", "--out", str(folder / "results")]
    loop = build_loop(folder)
    lines = [["blocks that live", "system", *libraries]]
    outcomes = {}
    for live in LIVE:
        line = [f"{live:,}"]
        for name in ("system", *libraries):
            own, preload = [], {}
            if name in libraries:
                own, preload = ["--allocator", name], {"LD_PRELOAD": str(libraries[name])}
            e = ratio(of_loop(loop, live), runs, [*why, *own, "--"], preload)
            line.append(shown(e))
            what = f"the loop with {name} and {live:,} blocks"
            outcomes[what] = promise.of_ratio(e, LOOP_PROMISE)
        lines.append(line)
    print("\n".join(aligned(lines)), flush=True)
    for kind, load in REDIS_KINDS.items() if shutil.which("redis-server") else ():
        e = ratio(of_redis(folder, load), runs, [*why, "--"], {})
        print(f"redis, {kind}: {shown(e)}", flush=True)
        outcomes[f"redis, {kind}"] = promise.of_ratio(e, REDIS_PROMISE)
    print(f"why: the promised cost is {promise.summary(outcomes)}")
    return promise.worst(outcomes.values())
