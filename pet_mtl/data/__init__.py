"""From files to rows: `suite_data` loads all tasks of a suite, `readers` one source; `rows` is what
comes out."""
