"""The line between the orchestrator and its elements, and between the orchestrator and its users."""
