"""A shell on this machine whose only network is the emulated one: a host of its own behind a laptop."""
