"""The gate's proof with one promise broken by hand; harness/test/test_mutants.py says what for."""

PROOF = "scripts/gate_proof/test_proof.py"

MUTANTS = [
    (
        "the rows of a window begin independently",
        "scripts/gate_proof/replay.py",
        "{row: draw.randrange(len(blocks)) for row in rows}",
        "dict.fromkeys(rows, draw.randrange(len(blocks)))",
        f"{PROOF}:Replays.test_rows_begin_independently",
        "",
    ),
    (
        "windows that overlap have no binomial interval",
        "scripts/gate_proof/evidence.py",
        "worth = self.instead or",
        "worth = ''.join([]) or",
        f"{PROOF}:Shown.test_windows_overlap_and_are_no_trials",
        "",
    ),
    (
        "numbers of another harness do not add up",
        "scripts/gate_proof/proof.py",
        "baseline_file.harness(root, DRIVING)",
        "baseline_file.harness(root)",
        f"{PROOF}:Kept.test_what_another_gate_harness_or_compiler_measured_has_another_key",
        "",
    ),
    (
        "numbers of another gate's program do not add up",
        "scripts/gate_proof/proof.py",
        '"gate/__main__ gate/base_and_head gate/campaign gate/cli',
        '"gate/base_and_head gate/campaign gate/cli',
        f"{PROOF}:Kept.test_what_another_gate_harness_or_compiler_measured_has_another_key",
        "",
    ),
    (
        "power runs of another plan are not added up",
        "scripts/gate_proof/proof.py",
        '(run["target"], run["blocks"]) != astuple(plan)',
        "False",
        f"{PROOF}:Runs.test_power_runs_of_another_plan_are_refused",
        "",
    ),
    (
        "each recording is judged alone",
        "scripts/gate_proof/evidence.py",
        'r["failed"] / r["windows"] <= FALSE_RATE',
        "True",
        f"{PROOF}:Shown.test_each_recording_is_judged_alone",
        "",
    ),
    (
        "plants that were larger than they are called show nothing",
        "scripts/gate_proof/evidence.py",
        "median(changes) <= (1 + PLANT_SIZE) * effect,",
        "median(changes) <= (1 + PLANT_SIZE),",
        f"{PROOF}:Shown.test_plants_of_another_size",
        "",
    ),
    (
        "p-values that are far from uniform are said to be",
        "scripts/gate_proof/evidence.py",
        ">= apart)",
        "<= apart)",
        f"{PROOF}:Shown.test_p_values_that_are_not_uniform",
        "",
    ),
    (
        "plants are counted",
        "scripts/gate_proof/evidence.py",
        "return all(abs(ratio - 1) <= PLANT_COUNT for",
        "return any(abs(ratio - 1) <= PLANT_COUNT for",
        f"{PROOF}:Shown.test_plants_of_other_instructions",
        "",
    ),
]
