"""The fleet with one promise broken by hand; harness/test/test_mutants.py says what for."""

FLEET = "scripts/fleet/test_fleet.py"

MUTANTS = [
    (
        "fleet: a doubled round counts once",
        "scripts/fleet/parts.py",
        "fresh = [n for n in part.rounds if n not in taken and 0 <= n < repetitions]",
        "fresh = [n for n in part.rounds if 0 <= n < repetitions]",
        f"{FLEET}:Counting.test_a_doubled_round_counts_once",
        "test_a_doubled_round",
    ),
    (
        "fleet: a round that is not whole does not count",
        "scripts/fleet/rounds.py",
        'return Counter(e["name"] for e in entries) == {row: each for row in rows}',
        'return set(e["name"] for e in entries) <= set(rows)',
        f"{FLEET}:Counting.test_a_killed_task_keeps_its_whole_rounds",
        "test_a_killed_task",
    ),
    (
        "fleet: machines of different classes are not pooled",
        "scripts/fleet/machines.py",
        "return tuple(str(machine.get(fact)) for fact in FACTS)",
        'return tuple(str(machine.get(fact)) for fact in FACTS if fact != "cpu")',
        f"{FLEET}:Classes.test_machines_that_differ_are_kept_apart",
        "test_machines_that_differ",
    ),
    (
        "fleet: a library that differs by a byte is refused",
        "scripts/fleet/task.py",
        'if digest(path) != expected["sha256"]:',
        "if not digest(path):",
        f"{FLEET}:Node.test_what_a_node_lacks_or_has_otherwise",
        "test_what_a_node_lacks",
    ),
    (
        "fleet: a submission that was refused leaves no job",
        "scripts/fleet/jobs.py",
        "        file.unlink()  # else it would look as if its tasks had been lost\n",
        "",
        f"{FLEET}:Words.test_a_submission_that_slurm_refuses_can_be_made_again",
        "test_a_submission",
    ),
    (
        "fleet: what a part lost is taken from another attempt",
        "scripts/fleet/collect.py",
        "                count += instead(usable, wanted, asked.repetitions)\n",
        "",
        f"{FLEET}:Counting.test_what_was_cut_off_after_its_task_ended_is_another_attempts",
        "test_what_was_cut_off",
    ),
    (
        "fleet: a finding of one round of checks is a finding",
        "scripts/fleet/verdicts.py",
        'if result["finding"] and not first["finding"]:',
        "if False:",
        f"{FLEET}:Verdicts.test_a_finding_of_one_round_is_a_finding",
        "test_a_finding_of_one_round",
    ),
]
