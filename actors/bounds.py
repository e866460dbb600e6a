"""The bounds of histograms' buckets, in seconds; for who measures, and for who tells of it and imports no element."""

DURATIONS_S = (
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.2,
    0.3,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
)
"""Bounds for how long requests take: 0.1, 0.3 and 1 are usual objectives, 60 is an ALB's idle timeout."""

QUEUEING_S = (
    0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0,
)  # fmt: skip
"""Bounds for what waits behind others, or is late."""

POD_START_S = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0)
"""Bounds for how long a pod takes to come up."""

CONVERGENCE_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 90.0, 180.0)
"""Bounds for how long routes take to settle."""
