"""Scenarios: a world, load, what happens when, and what must come out; live or on the virtual clock.

`models` and `loader` read a file, `thresholds` judges, `runner` runs one variant in a `Scene` (`virtual` or `live`),
`sampling` watches targets meanwhile, `summary` puts it all together.
"""
