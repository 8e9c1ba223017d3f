"""Methods side by side on the same rows: what `pet-mtl compare` does.

- `plan`: the cells (method x shots x seed, all tasks together or one alone) and the suite that
  each trains
- `same_rows`: how long a task alone is trained to see the rows that it sees with the others
- `engine`: what else may train and score a cell: OpenPrompt
- `shots`: few rows of each label, the same for every method
- `run`: the cells one after the other; `cell` trains one, `dev_result` is what is kept of dev
  rows, `folder` knows what is done, `memory` measures each anew, `alike` finds results that an
  earlier version mixed up
- `statistics`: mean, sd, median; the paired bootstrap of a difference
- `summary`: what the finished cells say; `table`, `page`, `shots_chart` show it
"""
