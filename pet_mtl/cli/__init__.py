"""The command line: thin doors, one file a command; the work is done on the floors below."""
