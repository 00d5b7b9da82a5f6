"""The catalogue's run with one promise broken by hand; harness/test/test_mutants.py says what for."""

TEST = "scripts/test_programs.py"
RUN = "scripts/programs.py"
TABLE = "scripts/programs_table.py"

MUTANTS = [
    (
        "programs: an interrupt ends what measures",
        RUN,
        "        child.terminate()\n",
        "",
        f"{TEST}:Run.test_what_ends_this_ends_the_driver",
        "Also what it cannot treat",
    ),
    (
        "programs: more may be better",
        TABLE,
        "value = 1 / value",
        "value = value + 0",
        f"{TEST}:Numbers",
        "Twice as many transactions",
    ),
    (
        "programs: a tie is marked",
        TABLE,
        "row is not base and q.tied(row, base)",
        "row is not base and False",
        f"{TEST}:Numbers",
        "A machine that becomes slow slows",
    ),
    (
        "programs: the table and the page have one number",
        TABLE,
        "{math.exp(found.location):.2f}x",
        "{statistics.median(s[kind] for s in row.samples) / statistics.median(s[kind] for s in base.samples):.2f}x",
        f"{TEST}:Numbers",
        "Those of all stored programs",
    ),
    (
        "programs: all pairs are accounted for together",
        TABLE,
        "    comparing.tell_apart([q for m in all_of_them for q in m.questions.values()])",
        "    for m in all_of_them:\n        comparing.tell_apart(list(m.questions.values()))",
        "scripts/report/test_more_kinds.py",
        "With the run of make bench that lies",
    ),
    (
        "programs: the memory after is the last that was read",
        TABLE,
        "return max(found, default=(0.0, None))",
        "return min(found, default=(0.0, None))",
        f"{TEST}:Numbers",
        "The last reading after the load counts",
    ),
    (
        "programs: data are made once",
        "scripts/program_data.py",
        "stamp.exists() and stamp.read_text() == mark",
        "stamp.exists() and False",
        f"{TEST}:Run.test_data_are_made_once",
        "test_data_are_made_once",
    ),
    (
        "programs: a pair is reversed if the core is sure of it",
        "scripts/agreement.py",
        "elif (pair.worse, pair.better) in question.apart:",
        "elif pair.better:",
        "scripts/test_agreement.py:Pairs",
        "test_same_reversed_and_tied",
    ),
    (
        "programs: runs among each other do not differ",
        "scripts/agreement.py",
        "or max(good) >= min(bad)",
        "",
        "scripts/test_agreement.py:Pairs",
        "By over 5 %",
    ),
    (
        "programs: the core's system is the C library",
        TABLE,
        "for n, v in costs.items() if n != REFERENCE",
        "for n, v in costs.items()",
        f"{TEST}:Numbers",
        "test_a_program_that_is_linked_with_another",
    ),
]
