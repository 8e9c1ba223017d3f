"""A run to look at: one self-contained HTML file, and score tables for the terminal.

- `data`: what a report shows, as plain values, and `worst_confusions`
- `build`, `run`: from a finished run to its `data`, and to its file; `task_data`: of one task
- `page`: `write_report` and the page as a whole, with the one script (`report.js`) that it may run;
  its sections are `overview`, `task_section`, `model_view`
- `scored`, `side_by_side`: the page of `score --report`, checkpoints in columns
- `labels`, `confusions`: the table of labels; the matrix, the confusions that matter, their rows
- `mistakes`: the same of sets and numbers
- `charts`, `matrix`, `scatter`, `routes_section`: line charts, the confusion matrix, numbers, and
  which task uses what, as inline SVG; `axes`: what these have in common
- `places`: files and models as a page names them, without the machine's folders
- `markup`: HTML elements that escape their text
- `table`, `calibration_table`, `pattern_table`: score tables for the terminal
"""
