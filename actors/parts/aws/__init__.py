"""AWS as elements see it: the client of its control plane."""
