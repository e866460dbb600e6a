"""Bytes to values and back, one file per protocol; junk raises `Malformed` and nothing else."""
