"""What holds for all tests."""

from hypothesis import HealthCheck, settings

# Timing never decides a test: a slow machine is no fault of the code.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")
