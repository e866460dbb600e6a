"""What elements are made of: programs on a host's stack, larger pieces of single elements, and what configs share."""
