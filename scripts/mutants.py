"""The scripts with one promise broken by hand; harness/test/test_mutants.py says how to read this."""

INSTALL = "scripts/install.sh"
INSTALL_TEST = "scripts/test_install.py"

MUTANTS = [
    (
        "install: modes do not depend on the umask",
        INSTALL,
        "umask 022",
        "umask 077",
        f"{INSTALL_TEST}:Staged.test_everybody_may_read_and_run_it",
        "test_everybody",
    ),
    (
        "install: a cell finds what was installed",
        "Makefile",
        "$$$$ORIGIN/..:$$$$ORIGIN/../..",
        "$(CURDIR)/$B",
        f"{INSTALL_TEST}:Staged.test_nothing_leads_back_to_the_build",
        "test_nothing_leads_back",
    ),
    (
        "build: one make after the other",
        "scripts/lock-build.sh",
        "    flock 9\n",
        "",
        "harness/test/test_build.py:Locks",
        "test_who_builds",
    ),
    (
        "build: a lock that was taken away is none",
        "scripts/lock-build.sh",
        " || break",
        " || break; break",
        "harness/test/test_build.py:Locks",
        "test_who_builds",
    ),
    (
        "uninstall: what others put there stays",
        INSTALL,
        """    rmdir "$top/$path" 2>/dev/null || true""",
        """    rm -rf "$top/$path\"""",
        f"{INSTALL_TEST}:Uninstall.test_takes_away_what_install_brought_and_nothing_else",
        "test_takes_away",
    ),
    (
        "uninstall: nothing outside of the prefix",
        INSTALL,
        "if grep -Eq '^(file|folder)",
        "if false && grep -Eq '^(file|folder)",
        f"{INSTALL_TEST}:Uninstall.test_a_manifest_that_leads_elsewhere_is_refused",
        "test_a_manifest",
    ),
    (
        "install: what an older version brought is taken away",
        INSTALL,
        '[ ! -f "$manifest" ] || remove_all #',
        "true #",
        f"{INSTALL_TEST}:Uninstall.test_takes_away_what_install_brought_and_nothing_else",
        "test_takes_away",
    ),
]
