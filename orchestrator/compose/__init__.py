"""A world in containers: the orchestrator's process there, and how `journey --world compose` asks it."""
