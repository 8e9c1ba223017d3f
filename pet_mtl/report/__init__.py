"""A run to look at: one self-contained HTML file, and score tables for the terminal.

- `data`: what a report shows, as plain values, and `worst_confusions`
- `build`, `run`: from a finished run to its `data`, and to its file
- `page`: `write_report` and the page as a whole; its sections are `overview`, `task_section`,
`model_view`
- `charts`, `matrix`: line charts and the confusion matrix as inline SVG
- `markup`: HTML elements that escape their text
- `table`, `calibration_table`: score tables for the terminal
"""
