"""Search for good settings: many short trainings, chosen by Optuna.

- `space`   what is searched: the sweep file
- `axes`    of one setting: a range or choices
- `study`   the trials on disk, shared by several processes
- `journal` their file, whose lines are whole
- `trial_checks` whether nobody changed them
- `run`     the trials one after the other
- `best`    the best trial's settings as a pattern file
- `result`  what was found; `page`, `table`: the same as a page, and for the terminal
"""
