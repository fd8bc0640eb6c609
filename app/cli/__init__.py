"""The command line, `alliance`: every command imports what it needs when it runs, so that --help is fast."""
