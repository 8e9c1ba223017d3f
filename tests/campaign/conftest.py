"""The fuzzer is a program: it needs atheris, which the tests do not."""

collect_ignore = ["fuzz.py"]
