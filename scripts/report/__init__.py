"""The page of a run, report.html: one file that needs no network, from the run's JSON and CSV alone.

    __main__ -> write (files, jinja2, page.html, page.css, page.js, page-draw.js, page-range.js)
             -> bench     of make bench: summary (sentences), tables, dots, bars, panels (pictures),
                          data (for page.js) -> study (what may be said, by answer.py and group_table.py)
             -> compare   of make compare, with the statistics of the answer
             -> classes   of a fleet whose nodes differ: a panel for each class of machines
             -> matrices  of make check and make harden
             -> gates     of make gate, with the words of gate/report.py
             -> programs  of make try, with the claims of verdicts/
             -> catalogue of make bench-programs, with the statistics of the answer
             -> whys      of make why, with the words of verdicts/
             -> heaps     of make heap, whose numbers heap_pages.py made -> spans (of heap_spans.py)
             -> histories of make history, with the changes of history_changes.py
             -> together  of a folder with several of these: a chapter for each
                each makes a model (what page.html shows), with facts (machine, libraries) and again (commands)
                pictures -> scale, ranges, svg

All but `__main__` and `write` is pure.

page.js and page-draw.js change what is shown, from the numbers that `data` gives. They compute no statistics. page-range.js
shows a part of a long series, from what `ranges` writes into its marks. drive.mjs does what a reader does.

recompute.mjs (bench) and recount*.mjs (others) recompute a page, and have no code of any of the above. The first imports
nothing of the project, so that a reader can check the checker. The others share recounting.mjs.
"""
