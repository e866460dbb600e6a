"""EC2's control plane as an element's part, and how other elements ask it."""
