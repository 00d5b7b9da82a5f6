"""The catalogue's run with one promise broken by hand; harness/test/test_mutants.py says what for."""

TEST = "scripts/test_programs.py"
RUN = "scripts/programs.py"

MUTANTS = [
    (
        "programs: an interrupt ends what measures",
        RUN,
        "        child.terminate()\n",
        "",
        f"{TEST}:Run.test_an_interrupt_ends_the_driver",
        "test_an_interrupt_ends_the_driver",
    ),
    (
        "programs: more may be better",
        RUN,
        "value = 1 / value",
        "value = value + 0",
        f"{TEST}:Numbers",
        "Twice as many transactions",
    ),
    (
        "programs: what overlaps is not told apart",
        RUN,
        "values is not base and overlap(values, base)",
        "values is not base and False",
        f"{TEST}:Numbers",
        "test_what_is_told_apart",
    ),
    (
        "programs: data are made once",
        RUN,
        "stamp.exists() and stamp.read_text() == mark",
        "stamp.exists() and False",
        f"{TEST}:Run.test_data_are_made_once",
        "test_data_are_made_once",
    ),
]
