"""Real programs on this machine that walk into the world as the laptop: an HTTP ingress, and a proxy."""
