"""The verbs of `journey`. Modules here import only what `--help` needs; the rest comes when a verb runs."""
